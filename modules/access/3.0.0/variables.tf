# Rendered by finbase from templates/modules/access/contract.yaml (access 3.0.0). Do not edit: change the template and release.

# Inputs: the environment file gives them.

variable "internet_cidrs" {
  description = "IPv4 ranges outside the VPC that applications may reach over HTTPS."
  type        = set(string)
  default     = ["0.0.0.0/0"]
  nullable    = false

  validation {
    condition     = alltrue([for item in var.internet_cidrs : can(regex("^[0-9]{1,3}(\\.[0-9]{1,3}){3}/([0-9]|[12][0-9]|3[0-2])$", item))])
    error_message = "internet_cidrs must be IPv4 ranges such as 198.51.100.0/24."
  }

  validation {
    condition = alltrue([
      for range in var.internet_cidrs : try(cidrhost(range, 0), "") == split("/", range)[0]
    ])
    error_message = "internet_cidrs must give each range by its first address, such as 198.51.100.0/24."
  }
}

# Wiring: the stack and other modules fill it.

variable "name" {
  description = "Name of the stack; prefix of the application group's name."
  type        = string
  nullable    = false

  validation {
    condition = alltrue([
      length(var.name) <= 40,
      can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)),
      !can(regex("^sg-", var.name)),
    ])
    error_message = "name must be at most 40 lowercase letters, digits and single hyphens, beginning with a letter and not with sg-."
  }
}

variable "vpc_id" {
  description = "Id of the VPC."
  type        = string
  nullable    = false
}

variable "endpoints_security_group_id" {
  description = "Id of the security group of the interface endpoints."
  type        = string
  nullable    = false
}

variable "s3_prefix_list_id" {
  description = "Id of the prefix list with the addresses of S3."
  type        = string
  nullable    = false
}

variable "database_security_group_id" {
  description = "Id of the security group of the database."
  type        = string
  nullable    = false
}

variable "database_port" {
  description = "Port of the database."
  type        = number
  nullable    = false
}

variable "rotation_security_group_id" {
  description = "Id of the security group of the rotation function."
  type        = string
  nullable    = false
}

variable "cache_security_group_ids" {
  description = "Id of the security group of the cache, if the stack has one."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.cache_security_group_ids) <= 1
    error_message = "cache_security_group_ids must have at most 1 key."
  }
}
