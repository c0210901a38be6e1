// The relay on Azure Container Apps, with its identity, vault, registry, Redis and logs. Parsed and checked by tests, never deployed: README.md.
targetScope = 'resourceGroup'

@description('Begins the name of everything: lower-case letters and digits.')
@minLength(2)
@maxLength(10)
param name string = 'relay'

@description('Where everything is made. Near the model, since every frame of audio goes there and back.')
param location string = resourceGroup().location

@description('Name of the Azure OpenAI resource, which exists already.')
param openAiAccount string

@description('Resource group of the Azure OpenAI resource.')
param openAiResourceGroup string = resourceGroup().name

@description('Name of the realtime deployment in it.')
param openAiDeployment string = 'gpt-realtime'

@description('Image of the relay, with its registry. Empty: everything but the app, as on the first deployment, when there is no image yet.')
param image string = ''

@description('Object id of whoever may write secrets into the vault. Empty: nobody gets that role here.')
param operatorId string = ''

@description('Settings that are secrets. Each comes from the vault, under its name in lower case with hyphens: JWT_SECRET from jwt-secret.')
param secretSettings array = ['JWT_SECRET']

@description('Key set that verifies callers’ tokens. Empty: JWT_SECRET does. With one, take JWT_SECRET out of secretSettings.')
param jwksUrl string = ''

@description('Required issuer of callers’ tokens.')
param jwtIssuer string

@description('Required audience of callers’ tokens.')
param jwtAudience string

@description('Origins of the pages that may connect, such as https://app.example.com.')
param allowedOrigins array = []

@description('Instructions for the model.')
param instructions string = ''

@description('JSON list of tools.')
param tools string = ''

@description('Any further settings of deploy/configuration.md by name. Nothing secret: these can be read in the portal.')
param settings object = {}

@description('Whether there is a Redis. Without one limits and revocations hold in each replica alone, and no session moves to another.')
param withRedis bool = true

@description('Size of Azure Managed Redis.')
param redisSku string = 'Balanced_B0'

@description('Fewest replicas. Two, so that one may go.')
@minValue(1)
param minReplicas int = 2

@description('Most replicas.')
@minValue(1)
param maxReplicas int = 10

@description('Longest shutdown of a replica, in which its sessions end or move. With 15 seconds to spare it stays within the 600 that Azure is believed to give at most.')
@minValue(10)
@maxValue(585)
param drainSeconds int = 25

@description('Days that logs are kept.')
param logDays int = 30

// The same in every deployment to this group, and different from everybody else's.
var suffix = uniqueString(resourceGroup().id)

module identity 'modules/identity.bicep' = {
  name: 'identity'
  params: {
    name: '${name}-identity'
    location: location
  }
}

module openAi 'modules/openai.bicep' = {
  name: 'openai-role'
  scope: resourceGroup(openAiResourceGroup)
  params: {
    account: openAiAccount
    principalId: identity.outputs.principalId
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  params: {
    name: '${name}-${suffix}'
    location: location
    principalId: identity.outputs.principalId
    operatorId: operatorId
  }
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  params: {
    name: '${name}${suffix}'
    location: location
    principalId: identity.outputs.principalId
  }
}

module redis 'modules/redis.bicep' = if (withRedis) {
  name: 'redis'
  params: {
    name: '${name}-${suffix}'
    location: location
    sku: redisSku
    principalId: identity.outputs.principalId
  }
}

module runtime 'modules/environment.bicep' = {
  name: 'environment'
  params: {
    name: name
    location: location
    logDays: logDays
  }
}

module app 'modules/app.bicep' = if (!empty(image)) {
  name: 'app'
  params: {
    name: name
    location: location
    environmentId: runtime.outputs.id
    image: image
    registryServer: registry.outputs.server
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    vaultUri: vault.outputs.uri
    openAiEndpoint: openAi.outputs.endpoint
    openAiDeployment: openAiDeployment
    redisUrl: withRedis ? redis!.outputs.url : ''
    secretSettings: secretSettings
    jwksUrl: jwksUrl
    jwtIssuer: jwtIssuer
    jwtAudience: jwtAudience
    allowedOrigins: allowedOrigins
    instructions: instructions
    tools: tools
    settings: settings
    drainSeconds: drainSeconds
    minReplicas: minReplicas
    maxReplicas: maxReplicas
  }
}

@description('Where clients connect. Empty until there is an image.')
output url string = empty(image) ? '' : 'https://${app!.outputs.host}'

@description('Where images are pushed.')
output registryName string = registry.outputs.name

@description('Where secrets are put.')
output vaultName string = vault.outputs.name

@description('Where logs are asked.')
output workspaceId string = runtime.outputs.workspaceId
