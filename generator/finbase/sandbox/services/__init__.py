"""Corrections of moto's services where Terraform or a rotation would notice a difference."""
