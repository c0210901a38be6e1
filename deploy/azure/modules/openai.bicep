// Lets the relay use the deployments of an Azure OpenAI resource: not read its keys, not change it.

@description('Name of the Azure OpenAI resource, in this resource group.')
param account string

@description('Object id of the relay’s identity.')
param principalId string

// Cognitive Services OpenAI User
var role = '5e0bd9bd-7b93-4f28-af87-19fc36ad61bd'

resource openAi 'Microsoft.CognitiveServices/accounts@2025-06-01' existing = {
  name: account
}

resource use 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(openAi.id, principalId, role)
  scope: openAi
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
  }
}

@description('The resource as the relay dials it. Tokens of an identity need a custom subdomain, so it has one.')
output endpoint string = openAi.properties.endpoint
