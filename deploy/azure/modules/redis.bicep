// Azure Managed Redis without access keys: the relay's identity signs in, over TLS.

@description('Name of the cache, unique in the region.')
param name string

@description('Where it is made.')
param location string

@description('Its size, such as Balanced_B0.')
param sku string

@description('Object id of the relay’s identity.')
param principalId string

resource cache 'Microsoft.Cache/redisEnterprise@2025-07-01' = {
  name: name
  location: location
  sku: {
    name: sku
  }
  properties: {
    highAvailability: 'Enabled'
    minimumTlsVersion: '1.2'
    // Reached over the internet, by whoever shows a token of the one identity below. A private endpoint would need a network of your own.
    publicNetworkAccess: 'Enabled'
  }
}

resource database 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' = {
  parent: cache
  name: 'default'
  properties: {
    clientProtocol: 'Encrypted'
    port: 10000
    // One address, which is what the relay signs in to; of the three policies this one alone can be changed later.
    clusteringPolicy: 'NoCluster'
    // A full Redis refuses writes, which the relay says; an eviction would forget usage and revocations silently.
    evictionPolicy: 'NoEviction'
    accessKeysAuthentication: 'Disabled'
  }
}

resource access 'Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments@2025-07-01' = {
  parent: database
  name: 'relay'
  properties: {
    accessPolicyName: 'default'
    user: {
      objectId: principalId
    }
  }
}

@description('As REDIS_URL has it with REDIS_ENTRA. No secret is in it: the token is the password.')
output url string = 'rediss://${principalId}@${cache.properties.hostName}:${database.properties.port}'
