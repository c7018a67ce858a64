# Rendered by finbase from templates/modules/network/routes.tf.j2 (network 2.2.0). Do not edit: change the template and release.

# Public: one table for all zones, by the internet gateway.
resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route" "public_internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_route_table_association" "public" {
  for_each = var.zones

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public.id
}

# Private: a table for each zone, by that zone's own NAT gateway.
resource "aws_route_table" "private" {
  for_each = var.zones

  vpc_id = aws_vpc.main.id

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route" "private_internet" {
  for_each = var.zones

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.main[each.key].id
}

resource "aws_route_table_association" "private" {
  for_each = var.zones

  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

# Database: no default route, on purpose.
resource "aws_route_table" "database" {
  vpc_id = aws_vpc.main.id

  tags = { Name = "${var.name}-database" }
}

resource "aws_route_table_association" "database" {
  for_each = var.zones

  subnet_id      = aws_subnet.database[each.key].id
  route_table_id = aws_route_table.database.id
}

# Peered networks: the routes that the input names, and no others.
resource "aws_ec2_transit_gateway_vpc_attachment" "main" {
  for_each = toset([
    for route in var.routes : route.transit_gateway_id if route.transit_gateway_id != null
  ])

  transit_gateway_id = each.key
  vpc_id             = aws_vpc.main.id
  subnet_ids         = [for subnet in aws_subnet.private : subnet.id]

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_route" "private_peered" {
  for_each = merge([
    for zone in keys(var.zones) : {
      for name, route in var.routes : "${zone}/${name}" => route if contains(route.tiers, "private")
    }
  ]...)

  route_table_id            = aws_route_table.private[split("/", each.key)[0]].id
  destination_cidr_block    = each.value.destination_cidr
  vpc_peering_connection_id = each.value.vpc_peering_connection_id
  transit_gateway_id        = each.value.transit_gateway_id

  depends_on = [aws_ec2_transit_gateway_vpc_attachment.main]
}

resource "aws_route" "database_peered" {
  for_each = {
    for name, route in var.routes : name => route if contains(route.tiers, "database")
  }

  route_table_id            = aws_route_table.database.id
  destination_cidr_block    = each.value.destination_cidr
  vpc_peering_connection_id = each.value.vpc_peering_connection_id
  transit_gateway_id        = each.value.transit_gateway_id

  depends_on = [aws_ec2_transit_gateway_vpc_attachment.main]
}
