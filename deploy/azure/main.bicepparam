// An example: copy it beside this file, and fill in your own. Nothing in it is secret.
using 'main.bicep'

param openAiAccount = 'my-resource'
param openAiResourceGroup = 'relay'
param openAiDeployment = 'gpt-realtime'

// Empty on the first deployment, when there is no image yet.
param image = readEnvironmentVariable('IMAGE', '')
param operatorId = readEnvironmentVariable('OPERATOR_ID', '')

param jwtIssuer = 'https://app.example.com'
param jwtAudience = 'realtime-relay'
param allowedOrigins = [
  'http://localhost:3000'
]

param instructions = 'You are a friendly voice assistant. Answer in one or two short sentences.'
param settings = {
  LOG_LEVEL: 'info'
}
