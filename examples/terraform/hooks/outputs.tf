output "hooks" {
  description = "The hooks, by their keys: group and name."
  value       = { for key, hook in aws_autoscaling_lifecycle_hook.this : key => "${hook.autoscaling_group_name}/${hook.name}" }
}
