// The relay as a container app: its settings, ingress, probes, drain and scale. What is said here twice is said in deploy/kubernetes, and tests compare both.

@description('Name of the app.')
param name string

@description('Where it runs.')
param location string

@description('The environment that it runs in.')
param environmentId string

@description('Image of the relay, with its registry.')
param image string

@description('Registry that the identity pulls from.')
param registryServer string

@description('The relay’s identity.')
param identityId string

@description('Its client id, since a library finds no user-assigned identity without.')
param identityClientId string

@description('Address of the vault, with a slash at its end.')
param vaultUri string

@description('The Azure OpenAI resource.')
param openAiEndpoint string

@description('Its realtime deployment.')
param openAiDeployment string

@description('Redis, without a password. Empty: none.')
param redisUrl string

@description('Settings that come from the vault.')
param secretSettings array

@description('Key set that verifies callers’ tokens, or empty.')
param jwksUrl string

@description('Required issuer of callers’ tokens.')
param jwtIssuer string

@description('Required audience of callers’ tokens.')
param jwtAudience string

@description('Origins of the pages that may connect.')
param allowedOrigins array

@description('Instructions for the model.')
param instructions string

@description('JSON list of tools.')
param tools string

@description('Further settings by name. They win over the known ones below, and lose to the fixed ones.')
param settings object

@description('Longest shutdown of a replica.')
param drainSeconds int

@description('Fewest replicas.')
param minReplicas int

@description('Most replicas.')
param maxReplicas int

// An empty value is no value: the relay takes its default.
var known = {
  AZURE_OPENAI_ENDPOINT: openAiEndpoint
  AZURE_OPENAI_DEPLOYMENT: openAiDeployment
  AZURE_CLIENT_ID: identityClientId
  REDIS_URL: redisUrl
  REDIS_ENTRA: empty(redisUrl) ? 'false' : 'true'
  RESUME_STORE: empty(redisUrl) ? 'memory' : 'redis'
  JWKS_URL: jwksUrl
  JWT_ISSUER: jwtIssuer
  JWT_AUDIENCE: jwtAudience
  ALLOWED_ORIGINS: join(allowedOrigins, ',')
  INSTRUCTIONS: instructions
  TOOLS: tools
  // Where the ingress is: addresses that Container Apps keeps for itself, and those of a network of your own. It writes the caller's address itself.
  TRUST_PROXY: '100.100.0.0/16,uniquelocal'
  // One core carries about so many sessions of continuous audio.
  MAX_SESSIONS: '200'
}

// Grace, ingress and probes below depend on these, so nobody sets them otherwise.
var fixed = {
  HOST: '0.0.0.0'
  PORT: '8080'
  // Probes come from outside of the container. Ingress leads to port 8080 alone.
  ADMIN_HOST: '0.0.0.0'
  ADMIN_PORT: '9090'
  DRAIN_SECONDS: string(drainSeconds)
}

var plainEnvironment = [for setting in items(union(known, settings, fixed)): { name: setting.key, value: string(setting.value) }]

var secretEnvironment = [for setting in secretSettings: { name: setting, secretRef: toLower(replace(setting, '_', '-')) }]

resource app 'Microsoft.App/containerApps@2025-07-01' = {
  name: name
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    environmentId: environmentId
    workloadProfileName: 'Consumption'
    configuration: {
      // A new revision takes over when it is ready, and the old one drains.
      activeRevisionsMode: 'Single'
      ingress: {
        external: true
        targetPort: 8080
        transport: 'http'
        allowInsecure: false
      }
      registries: [
        {
          server: registryServer
          identity: identityId
        }
      ]
      // Without a version, so that a new version of a secret is taken up.
      secrets: [for setting in secretSettings: {
        name: toLower(replace(setting, '_', '-'))
        keyVaultUrl: '${vaultUri}secrets/${toLower(replace(setting, '_', '-'))}'
        identity: identityId
      }]
    }
    template: {
      // The drain, and room to spare. There is no preStop here.
      terminationGracePeriodSeconds: drainSeconds + 15
      containers: [
        {
          name: 'relay'
          image: image
          resources: {
            cpu: json('1.0')
            memory: '2Gi'
          }
          env: concat(plainEnvironment, secretEnvironment)
          // The admin port, which no caller can fill. Ten failures are the most that Container Apps takes, so it asks less often at the start.
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: '/livez'
                port: 9090
              }
              periodSeconds: 6
              failureThreshold: 10
            }
            {
              type: 'Liveness'
              httpGet: {
                path: '/livez'
                port: 9090
              }
              periodSeconds: 10
              timeoutSeconds: 5
              failureThreshold: 3
            }
            {
              type: 'Readiness'
              httpGet: {
                path: '/readyz'
                port: 9090
              }
              periodSeconds: 5
              timeoutSeconds: 3
              failureThreshold: 2
            }
          ]
        }
      ]
      scale: {
        minReplicas: minReplicas
        maxReplicas: maxReplicas
        // The http rule counts requests that arrive, and a session is one request that stays: processor time is what follows sessions here.
        rules: [
          {
            name: 'cpu'
            custom: {
              type: 'cpu'
              metadata: {
                type: 'Utilization'
                value: '60'
              }
            }
          }
        ]
      }
    }
  }
}

@description('Where clients connect.')
output host string = app.properties.configuration.ingress.fqdn
