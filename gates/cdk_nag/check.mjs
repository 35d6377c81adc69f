// Applies the packs AwsSolutions and Serverless of cdk-nag to a CloudFormation template.
//
//   node check.mjs TEMPLATE
//
// Writes a JSON list to standard output: rule, logical id of the resource, and what the rule says. Nothing is left out
// because of an explanation: the gate that calls this compares the findings with the explanations itself.
import { App, Stack } from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';

const INCLUDE = 'Template';
const [templateFile] = process.argv.slice(2);
const app = new App({ analyticsReporting: false });
const stack = new Stack(app, 'Stack');
new CfnInclude(stack, INCLUDE, { templateFile });

const findings = [];
for (const pack of [new AwsSolutionsChecks(), new ServerlessChecks()]) {
  for (const violation of pack.validateScope(stack).violations) {
    for (const { constructPath } of violation.violatingResources) {
      findings.push({
        rule: violation.ruleName,
        resource: constructPath.replace(`Stack/${INCLUDE}/`, ''),
        text: violation.description,
      });
    }
  }
}
process.stdout.write(JSON.stringify(findings));
