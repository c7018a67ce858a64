# Rendered by finbase from templates/modules/network/contract.yaml (network 2.2.0). Do not edit: change the template and release.

# Inputs: the environment file gives them.

variable "cidr" {
  description = "IPv4 range of the VPC."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(10(\\.[0-9]{1,3}){3}|172\\.(1[6-9]|2[0-9]|3[01])(\\.[0-9]{1,3}){2}|192\\.168(\\.[0-9]{1,3}){2}|100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])(\\.[0-9]{1,3}){2})/(1[6-9]|2[0-4])$", var.cidr))
    error_message = "cidr must be a private IPv4 range (10/8, 172.16/12, 192.168/16 or 100.64/10) of size /16 to /24."
  }

  validation {
    condition     = try(cidrhost(var.cidr, 0), "") == split("/", var.cidr)[0]
    error_message = "cidr must begin with the first address of its range, such as 10.20.0.0/16."
  }

  validation {
    condition     = !startswith(var.cidr, "172.17.")
    error_message = "cidr must lie outside of 172.17.0.0/16, which Docker uses."
  }
}

variable "zones" {
  description = "Ranges of the three subnets of each availability zone, keyed by the zone's name."
  type = map(object({
    public_cidr   = string
    private_cidr  = string
    database_cidr = string
  }))
  nullable = false

  validation {
    condition = alltrue([
      length(var.zones) <= 6,
      alltrue([for key in keys(var.zones) : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", key))]),
      alltrue([for value in values(var.zones) : can(regex("^[0-9]{1,3}(\\.[0-9]{1,3}){3}/(1[6-9]|2[0-8])$", value.public_cidr))]),
      alltrue([for value in values(var.zones) : can(regex("^[0-9]{1,3}(\\.[0-9]{1,3}){3}/(1[6-9]|2[0-8])$", value.private_cidr))]),
      alltrue([for value in values(var.zones) : can(regex("^[0-9]{1,3}(\\.[0-9]{1,3}){3}/(1[6-9]|2[0-8])$", value.database_cidr))]),
    ])
    error_message = "zones must give at most 6 zones such as eu-west-1a, each with three IPv4 ranges of size /16 to /28."
  }

  validation {
    condition     = length(var.zones) >= 2
    error_message = "zones must give two zones or more."
  }

  validation {
    condition     = alltrue([for zone in keys(var.zones) : can(regex("^${var.region}[a-z]$", zone))])
    error_message = "zones must be availability zones of the region, such as its name with an a behind it."
  }

  validation {
    condition = alltrue([
      for range in flatten([for zone in var.zones : values(zone)]) : try(cidrhost(range, 0), "") == split("/", range)[0]
    ])
    error_message = "zones must give each range by its first address, such as 10.20.16.0/20."
  }

  validation {
    condition = alltrue([
      for range in flatten([for zone in var.zones : values(zone)]) : try(
        cidrhost("${split("/", range)[0]}/${split("/", var.cidr)[1]}", 0) == cidrhost(var.cidr, 0) &&
        tonumber(split("/", range)[1]) >= tonumber(split("/", var.cidr)[1]),
        true
      )
    ])
    error_message = "zones must give ranges within cidr."
  }

  validation {
    condition = alltrue([
      for range in flatten([for zone in var.zones : [zone.private_cidr, zone.database_cidr]]) :
      try(tonumber(split("/", range)[1]) <= 26, true)
    ])
    error_message = "zones must give private and database subnets of /26 or larger."
  }

  validation {
    condition = alltrue([
      for one in flatten([for zone in var.zones : values(zone)]) : 1 >= length([
        for other in flatten([for zone in var.zones : values(zone)]) : other
        if try(
          cidrhost("${split("/", one)[0]}/${min(split("/", one)[1], split("/", other)[1])}", 0) ==
          cidrhost("${split("/", other)[0]}/${min(split("/", one)[1], split("/", other)[1])}", 0),
          false
        )
      ])
    ])
    error_message = "zones must give ranges that do not overlap."
  }
}

variable "interface_endpoints" {
  description = "AWS services reached through an interface endpoint, by the last part of their service name."
  type        = set(string)
  default     = ["kms", "logs", "monitoring", "secretsmanager", "sts"]
  nullable    = false

  validation {
    condition = alltrue([
      alltrue([for item in var.interface_endpoints : can(regex("^[a-z][a-z0-9.-]*$", item))]),
      contains(var.interface_endpoints, "secretsmanager"),
    ])
    error_message = "interface_endpoints must be service names such as secretsmanager, which is always among them (the rotation needs it)."
  }
}

variable "log_retention_in_days" {
  description = "Days that flow logs are kept."
  type        = number
  default     = 400
  nullable    = false

  validation {
    condition     = contains([365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_in_days)
    error_message = "log_retention_in_days must be a retention that CloudWatch Logs knows and at least 365 days (PCI DSS 10.5.1)."
  }
}

variable "reachable_account_ids" {
  description = "Other accounts whose buckets, keys, secrets and roles may be reached through the endpoints."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for item in var.reachable_account_ids : can(regex("^[0-9]{12}$", item))])
    error_message = "reachable_account_ids must be the 12 digits of AWS accounts."
  }
}

variable "readable_buckets" {
  description = "Buckets of others whose objects may be read through the endpoint of S3."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for item in var.readable_buckets : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", item))])
    error_message = "readable_buckets must be names of buckets such as al2023-repos-eu-west-1-de612dc2."
  }
}

variable "routes" {
  description = "Routes to peered networks, by name. Each leads to a private range, through a peering\nconnection or a transit gateway."
  type = map(object({
    tiers                     = set(string)
    destination_cidr          = string
    reason                    = string
    vpc_peering_connection_id = optional(string)
    transit_gateway_id        = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      length(var.routes) <= 40,
      alltrue([for key in keys(var.routes) : length(key) <= 20]),
      alltrue([for key in keys(var.routes) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", key))]),
      alltrue([for value in values(var.routes) : length(value.tiers) >= 1]),
      alltrue([for value in values(var.routes) : alltrue([for item_2 in value.tiers : contains(["private", "database"], item_2)])]),
      alltrue([for value in values(var.routes) : can(regex("^[0-9a-f.:]+/[0-9]{1,3}$", value.destination_cidr))]),
      alltrue([for value in values(var.routes) : can(regex("^[A-Za-z0-9][A-Za-z0-9 ._:/()#,@+=&;-]{2,255}$", value.reason))]),
      alltrue([for value in values(var.routes) : value.vpc_peering_connection_id == null ? true : can(regex("^pcx-([0-9a-f]{8}|[0-9a-f]{17})$", value.vpc_peering_connection_id))]),
      alltrue([for value in values(var.routes) : value.transit_gateway_id == null ? true : can(regex("^tgw-[0-9a-f]{17}$", value.transit_gateway_id))]),
    ])
    error_message = "routes must give at most 40 routes by short names, each with tiers (private, database), a destination_cidr, a reason in plain text, and a vpc_peering_connection_id or a transit_gateway_id."
  }

  validation {
    condition = alltrue([
      for route in var.routes : (route.vpc_peering_connection_id == null) != (route.transit_gateway_id == null)
    ])
    error_message = "routes must give a vpc_peering_connection_id or a transit_gateway_id, and not both."
  }

  validation {
    condition = alltrue([
      for route in var.routes : try(cidrhost(route.destination_cidr, 0), "") == split("/", route.destination_cidr)[0]
    ])
    error_message = "routes must give each range by its first address, such as 10.80.0.0/16."
  }

  validation {
    condition = alltrue([
      for route in var.routes : can(regex(
        "^(10(\\.[0-9]{1,3}){3}/([89]|[12][0-9]|3[0-2])|172\\.(1[6-9]|2[0-9]|3[01])(\\.[0-9]{1,3}){2}/(1[2-9]|2[0-9]|3[0-2])|192\\.168(\\.[0-9]{1,3}){2}/(1[6-9]|2[0-9]|3[0-2])|100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])(\\.[0-9]{1,3}){2}/([12][0-9]|3[0-2]))$",
        route.destination_cidr
      ))
    ])
    error_message = "routes must lead to private IPv4 ranges (10/8, 172.16/12, 192.168/16 or 100.64/10); a peered network is no way to the internet."
  }

  validation {
    condition = length(var.routes) == 0 || alltrue([
      for tier in ["private", "database"] : length(distinct([
        for route in var.routes : route.destination_cidr if contains(route.tiers, tier)
      ])) == length([for route in var.routes : route if contains(route.tiers, tier)])
    ])
    error_message = "routes must give each range only once in a tier."
  }
}

# Wiring: the stack and other modules fill it.

variable "name" {
  description = "Name of the stack; prefix of every name."
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

variable "region" {
  description = "Region of the stack; part of the endpoints' service names."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "Account of the stack; endpoints let only its credentials pass."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of an AWS account."
  }
}

variable "logs_key_arn" {
  description = "ARN of the key that encrypts the flow logs."
  type        = string
  nullable    = false
}
