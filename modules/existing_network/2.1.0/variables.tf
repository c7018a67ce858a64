# Rendered by finbase from templates/modules/existing_network/contract.yaml (existing_network 2.1.0). Do not edit: change the template and release.

# Inputs: the environment file gives them.

variable "vpc_id" {
  description = "Id of the VPC."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^vpc-([0-9a-f]{8}|[0-9a-f]{17})$", var.vpc_id))
    error_message = "vpc_id must be the id of a VPC, such as vpc-0123456789abcdef0."
  }
}

variable "cidr" {
  description = "First IPv4 range of the VPC; Terraform compares it with the account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(10(\\.[0-9]{1,3}){3}|172\\.(1[6-9]|2[0-9]|3[01])(\\.[0-9]{1,3}){2}|192\\.168(\\.[0-9]{1,3}){2}|100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])(\\.[0-9]{1,3}){2})/(1[6-9]|2[0-4])$", var.cidr))
    error_message = "cidr must be a private IPv4 range of size /16 to /24, such as 10.20.0.0/16."
  }

  validation {
    condition     = try(cidrhost(var.cidr, 0), "") == split("/", var.cidr)[0]
    error_message = "cidr must begin with the first address of its range, such as 10.20.0.0/16."
  }
}

variable "zones" {
  description = "Availability zones, each with its three subnets."
  type = map(object({
    public_subnet_id   = optional(string)
    private_subnet_id  = string
    database_subnet_id = string
  }))
  nullable = false

  validation {
    condition = alltrue([
      length(var.zones) <= 6,
      alltrue([for key in keys(var.zones) : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+[a-z]$", key))]),
      alltrue([for value in values(var.zones) : value.public_subnet_id == null ? true : can(regex("^subnet-([0-9a-f]{8}|[0-9a-f]{17})$", value.public_subnet_id))]),
      alltrue([for value in values(var.zones) : can(regex("^subnet-([0-9a-f]{8}|[0-9a-f]{17})$", value.private_subnet_id))]),
      alltrue([for value in values(var.zones) : can(regex("^subnet-([0-9a-f]{8}|[0-9a-f]{17})$", value.database_subnet_id))]),
    ])
    error_message = "zones must give at most 6 zones such as eu-west-1a, each with the ids of its subnets."
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
    condition     = length(distinct(compact(flatten([for zone in var.zones : values(zone)])))) == length(compact(flatten([for zone in var.zones : values(zone)])))
    error_message = "zones must give each subnet once."
  }

  validation {
    condition     = alltrue([for zone in var.zones : (zone.public_subnet_id == null) == (var.central_egress != null)])
    error_message = "zones must give a public_subnet_id each, or none of them with central_egress."
  }
}

variable "central_egress" {
  description = "The way of private subnets to the internet, if it is a transit gateway instead of NAT gateways in the zones."
  type = object({
    transit_gateway_id = string
    reason             = string
  })
  default = null

  validation {
    condition = var.central_egress == null ? true : alltrue([
      can(regex("^tgw-[0-9a-f]{17}$", var.central_egress.transit_gateway_id)),
      can(regex("^[A-Za-z0-9][A-Za-z0-9 ._:/()#,@+=&;-]{2,255}$", var.central_egress.reason)),
    ])
    error_message = "central_egress must give a transit_gateway_id such as tgw-0123456789abcdef0, and a reason in plain text."
  }
}

variable "prefix_list_ids" {
  description = "Ids of the prefix lists that the route tables have as destinations; Terraform reads their entries."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for item in var.prefix_list_ids : can(regex("^pl-([0-9a-f]{8}|[0-9a-f]{17})$", item))])
    error_message = "prefix_list_ids must be ids of prefix lists, such as pl-0123456789abcdef0."
  }
}

variable "endpoints_security_group_id" {
  description = "Id of the security group that the interface endpoints have."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^sg-([0-9a-f]{8}|[0-9a-f]{17})$", var.endpoints_security_group_id))
    error_message = "endpoints_security_group_id must be the id of a security group, such as sg-0123456789abcdef0."
  }
}

variable "interface_endpoints" {
  description = "AWS services that must have an interface endpoint, by the last part of their service name."
  type        = set(string)
  default     = ["secretsmanager"]
  nullable    = false

  validation {
    condition = alltrue([
      alltrue([for item in var.interface_endpoints : can(regex("^[a-z][a-z0-9.-]*$", item))]),
      contains(var.interface_endpoints, "secretsmanager"),
    ])
    error_message = "interface_endpoints must be service names such as secretsmanager, which is always among them (the rotation needs it)."
  }
}

# Wiring: the stack and other modules fill it.

variable "region" {
  description = "Region of the stack; part of the endpoints' service names."
  type        = string
  nullable    = false
}
