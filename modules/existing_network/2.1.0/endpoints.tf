# Rendered by finbase from templates/modules/existing_network/endpoints.tf.j2 (existing_network 2.1.0). Do not edit: change the template and release.

data "aws_security_group" "endpoints" {
  id     = var.endpoints_security_group_id
  vpc_id = var.vpc_id
}

data "aws_vpc_endpoint" "s3" {
  vpc_id       = var.vpc_id
  service_name = "com.amazonaws.${var.region}.s3"
  state        = "available"

  lifecycle {
    postcondition {
      condition = self.vpc_endpoint_type == "Gateway" && alltrue([
        for table in concat(values(data.aws_route_table.private), values(data.aws_route_table.database)) :
        contains(self.route_table_ids, table.route_table_id)
      ])
      error_message = "The endpoint of S3 must be a gateway in the route table of every private and database subnet."
    }
  }
}

data "aws_vpc_endpoint" "interface" {
  for_each = var.interface_endpoints

  vpc_id       = var.vpc_id
  service_name = "com.amazonaws.${var.region}.${each.key}"
  state        = "available"

  lifecycle {
    postcondition {
      condition     = self.private_dns_enabled && contains(self.security_group_ids, var.endpoints_security_group_id)
      error_message = "The endpoint of ${each.key} must answer to the service's own name, and be in the group ${var.endpoints_security_group_id}."
    }
  }
}
