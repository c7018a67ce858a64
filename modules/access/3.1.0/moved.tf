# Rendered by finbase from templates/modules/access/moved.tf.j2 (access 3.1.0). Do not edit: change the template and release.

# Since 3.0.0 a stack can have no cache.
moved {
  from = aws_vpc_security_group_egress_rule.application_to_cache
  to   = aws_vpc_security_group_egress_rule.application_to_cache["cache"]
}

moved {
  from = aws_vpc_security_group_ingress_rule.application_to_cache
  to   = aws_vpc_security_group_ingress_rule.application_to_cache["cache"]
}
