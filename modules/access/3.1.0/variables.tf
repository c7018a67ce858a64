# Rendered by finbase from templates/modules/access/contract.yaml (access 3.1.0). Do not edit: change the template and release.

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

variable "clients" {
  description = "Other clients of the data, by name. Each gets a security group, unless `security_group_id`\nnames one of others in the same region, or `cidr` the private range of a VPN or a peered network."
  type = map(object({
    to                = set(string)
    description       = string
    reason            = string
    security_group_id = optional(string)
    cidr              = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      length(var.clients) <= 50,
      alltrue([for key in keys(var.clients) : length(key) <= 20]),
      alltrue([for key in keys(var.clients) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", key))]),
      alltrue([for value in values(var.clients) : length(value.to) >= 1]),
      alltrue([for value in values(var.clients) : alltrue([for item_2 in value.to : contains(["database", "cache"], item_2)])]),
      alltrue([for value in values(var.clients) : can(regex("^[A-Za-z0-9][A-Za-z0-9 ._:/()#,@+=&;-]{2,199}$", value.description))]),
      alltrue([for value in values(var.clients) : can(regex("^[A-Za-z0-9][A-Za-z0-9 ._:/@+=-]{2,255}$", value.reason))]),
      alltrue([for value in values(var.clients) : value.security_group_id == null ? true : can(regex("^sg-([0-9a-f]{8}|[0-9a-f]{17})$", value.security_group_id))]),
      alltrue([for value in values(var.clients) : value.cidr == null ? true : can(regex("^[0-9a-f.:]+/[0-9]{1,3}$", value.cidr))]),
    ])
    error_message = "clients must give at most 50 clients by short names, each with to (database, cache), a description and a reason in plain text, and at most a security_group_id or a cidr."
  }

  validation {
    condition = alltrue([
      for client in var.clients : client.security_group_id == null || client.cidr == null
    ])
    error_message = "clients must give a security_group_id or a cidr, not both."
  }

  validation {
    condition = alltrue([
      for client in var.clients : try(cidrhost(client.cidr, 0), "") == split("/", client.cidr)[0]
      if client.cidr != null
    ])
    error_message = "clients must give each range by its first address, such as 10.80.0.0/16."
  }

  validation {
    condition = alltrue([
      for client in var.clients : can(regex(
        "^(10(\\.[0-9]{1,3}){3}/([89]|[12][0-9]|3[0-2])|172\\.(1[6-9]|2[0-9]|3[01])(\\.[0-9]{1,3}){2}/(1[2-9]|2[0-9]|3[0-2])|192\\.168(\\.[0-9]{1,3}){2}/(1[6-9]|2[0-9]|3[0-2])|100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])(\\.[0-9]{1,3}){2}/([12][0-9]|3[0-2]))$",
        client.cidr
      ))
      if client.cidr != null
    ])
    error_message = "clients must give private IPv4 ranges (10/8, 172.16/12, 192.168/16 or 100.64/10); the data is never open to the internet."
  }

  validation {
    condition     = length(var.cache_security_group_ids) > 0 || alltrue([for client in var.clients : !contains(client.to, "cache")])
    error_message = "clients must not reach a cache that the stack does not have."
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
