output "name" {
  description = "Name of the stack, for the module with hooks and for `asg-lifecycle --stack`."
  value       = aws_cloudformation_stack.this.name
}

output "outputs" {
  description = "All outputs of the stack, such as NotificationQueueArn."
  value       = aws_cloudformation_stack.this.outputs
}
