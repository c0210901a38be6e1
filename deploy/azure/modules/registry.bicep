// The registry of the relay's image. It has no password: the relay's identity pulls.

@description('Name of the registry, unique in Azure: letters and digits.')
@minLength(5)
param name string

@description('Where it is made.')
param location string

@description('Object id of the relay’s identity.')
param principalId string

// AcrPull
var role = '7f951dda-4ed3-4680-a7ca-43fe172d538d'

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' = {
  name: name
  location: location
  sku: {
    name: 'Basic'
  }
  properties: {
    adminUserEnabled: false
  }
}

resource pull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, principalId, role)
  scope: registry
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
  }
}

@description('Name of the registry.')
output name string = registry.name

@description('Its host.')
output server string = registry.properties.loginServer
