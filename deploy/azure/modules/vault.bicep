// The vault of the relay's secrets. The relay reads them by its identity, and whoever operates it writes them.

@description('Name of the vault, unique in Azure.')
@maxLength(24)
param name string

@description('Where it is made.')
param location string

@description('Object id of the relay’s identity.')
param principalId string

@description('Object id of whoever may write secrets. Empty: nobody gets that role here.')
param operatorId string

// Key Vault Secrets User
var readRole = '4633458b-17de-408a-b874-0445c86b69e6'
// Key Vault Secrets Officer
var writeRole = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'

// Without purge protection, which could not be taken back: a deleted vault holds its name for seven days, unless it is purged.
resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 7
  }
}

resource read 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, principalId, readRole)
  scope: vault
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', readRole)
  }
}

resource write 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorId)) {
  name: guid(vault.id, operatorId, writeRole)
  scope: vault
  properties: {
    principalId: operatorId
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', writeRole)
  }
}

@description('Name of the vault.')
output name string = vault.name

@description('Its address, which ends with a slash.')
output uri string = vault.properties.vaultUri
