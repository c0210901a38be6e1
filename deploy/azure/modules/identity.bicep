// The relay's identity. It is the only thing that proves to the model, the vault, the registry and Redis who asks.

@description('Name of the identity.')
param name string

@description('Where it is made.')
param location string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
}

@description('For assigning it to the app.')
output id string = identity.id

@description('Which of several identities a library uses.')
output clientId string = identity.properties.clientId

@description('The object id: who gets roles, and the user at Redis.')
output principalId string = identity.properties.principalId
