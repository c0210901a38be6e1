// What each identity provider puts into its tokens and its key set, and the tokens that somebody else may try there.
import type { JWK } from 'jose'
import type { Claims, IssuerForm, Signing } from './local-issuer.js'

export interface Recipe {
  /** Its heading in deploy/identity.md, whose first blocks are the settings. */
  readonly heading: string
  /** How many blocks there count, one laid over the other. */
  readonly blocks?: number
  readonly form: IssuerForm
  /** An access token of a user without any role of the map. */
  readonly user: Claims
  /** What makes a token that of the profile `staff`, and that of an operator who may read. */
  readonly staff: Claims
  readonly operator: Claims
  /** What a user can ask for, and what makes no operator. */
  readonly asked: Claims
  readonly refused: readonly (readonly [what: string, over: Claims, why: string, signing?: Signing])[]
}

const TENANT = '11111111-2222-4333-8444-555555555555'
const OTHER_TENANT = '99999999-2222-4333-8444-555555555555'
const API = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'
const PAGE = 'bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee'
const [V1, V2] = [`https://sts.windows.net/${TENANT}/`, `https://login.microsoftonline.com/${TENANT}/v2.0`]
/** Entra's entries name neither an algorithm nor always a use, and bring their certificate. */
const entraEntry = ({ kty, n, e }: JWK, kid: string): JWK => ({ kty, use: 'sig', kid, x5t: kid, n, e, x5c: ['MIIDBTCCAe2gAwIBAgIQ'], issuer: V2 }) as JWK
const plainEntry = ({ kty, n, e }: JWK, kid: string): JWK => ({ alg: 'RS256', kty, use: 'sig', kid, n, e }) as JWK

const ENTRA = { sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ', oid: '00000000-0000-4000-8000-66f3332eca7e', tid: TENANT, scp: 'Realtime.Talk' }
const entraV2: Claims = { ...ENTRA, aud: API, iss: V2, azp: PAGE, azpacr: '0', name: 'Alice', preferred_username: 'alice@contoso.example', uti: 'u', ver: '2.0' }
const entraV1: Claims = { ...ENTRA, aud: `api://${API}`, iss: V1, appid: PAGE, appidacr: '0', unique_name: 'alice@contoso.example', uti: 'u', ver: '1.0' }
/** A program's token says its roles, if it has any, and never `scp`. */
const program = { scp: undefined, idtyp: 'app', oid: PAGE, sub: PAGE }

const AUTH0 = 'https://acme.eu.auth0.com/'
const AUTH0_API = 'https://relay.example.com'
const auth0: Claims = {
  iss: AUTH0,
  sub: 'auth0|6553da60a54af58e29493993',
  aud: [AUTH0_API, `${AUTH0}userinfo`],
  azp: 'K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja',
  scope: 'openid profile email realtime:talk',
  permissions: ['realtime:talk'],
}
const auth0Form = { keysPath: '/.well-known/jwks.json', entry: (key: JWK, kid: string) => ({ ...plainEntry(key, kid), x5t: kid, x5c: ['MIIDBTCCAe2gAwIBAgIQ'] }) }

const REALM = 'https://id.example.com/realms/acme'
const roles = (...names: string[]) => ({ resource_access: { 'realtime-relay': { roles: names }, account: { roles: ['manage-account', 'view-profile'] } } })
const keycloak: Claims = {
  iss: REALM,
  aud: ['realtime-relay', 'account'],
  sub: 'f1c4f64e-2c0c-4cda-8c9f-9f3f8f3a2b0e',
  typ: 'Bearer',
  azp: 'web',
  acr: '1',
  sid: '2a88c258-f73a-4103-b862-e1fbd8f4e04e',
  'allowed-origins': ['https://app.example.com'],
  realm_access: { roles: ['offline_access', 'default-roles-acme', 'uma_authorization'] },
  ...roles('talk'),
  scope: 'openid email profile',
  preferred_username: 'alice',
}

const POOL = 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE'
const CLIENT = '1example23456789'
const cognito: Claims = {
  sub: '248289dc-1111-4222-8333-f2f44af2f44a',
  iss: POOL,
  client_id: CLIENT,
  origin_jti: 'o',
  event_id: 'abcd',
  token_use: 'access',
  scope: 'openid profile aws.cognito.signin.user.admin',
  auth_time: 1_700_000_000,
  username: 'alice',
}

const nonce = { nonce: 'n-0S6_WzA2Mj' }

export const RECIPES: readonly Recipe[] = [
  {
    heading: 'Entra ID',
    form: { keysPath: `/${TENANT}/discovery/v2.0/keys`, entry: entraEntry },
    user: entraV2,
    staff: { roles: ['Other.Role', 'Realtime.Staff'] },
    operator: { roles: ['relay:read'] },
    asked: { scp: 'Realtime.Talk relay:admin', scope: 'relay:admin' },
    refused: [
      ['another tenant, whose keys are the same', { iss: V2.replace(TENANT, OTHER_TENANT), tid: OTHER_TENANT }, 'wrong_issuer'],
      ['all tenants’ name', { iss: 'https://login.microsoftonline.com/{tenantid}/v2.0' }, 'wrong_issuer'],
      ['version 1.0', entraV1, 'wrong_issuer'],
      ['an ID token of the page', { aud: PAGE, scp: undefined, ...nonce }, 'wrong_audience'],
      ['an ID token, if page and API are one registration', { scp: undefined, ...nonce }, 'claim_required'],
      ['a program without a role', program, 'claim_required'],
      ['a program with the staff’s role', { ...program, roles: ['Realtime.Staff'] }, 'claim_required'],
      ['another scope of the API', { scp: 'Realtime.TalkNot Other.Scope' }, 'claim_required'],
      ['Microsoft Graph', { aud: '00000003-0000-0000-c000-000000000000' }, 'wrong_audience'],
      ['the API’s address for its id', { aud: `api://${API}` }, 'wrong_audience'],
    ],
  },
  {
    heading: 'Entra ID, version 1.0',
    form: { keysPath: `/${TENANT}/discovery/keys`, entry: entraEntry },
    user: entraV1,
    staff: { roles: ['Realtime.Staff'] },
    operator: { roles: ['relay:read'] },
    asked: { scp: 'Realtime.Talk relay:admin' },
    refused: [
      ['another tenant, whose keys are the same', { iss: V1.replace(TENANT, OTHER_TENANT) }, 'wrong_issuer'],
      ['version 2.0', entraV2, 'wrong_issuer'],
      ['an issuer without its slash', { iss: V1.slice(0, -1) }, 'wrong_issuer'],
      ['a program', { ...program, roles: ['Realtime.Staff'] }, 'claim_required'],
      ['another API', { aud: 'api://other' }, 'wrong_audience'],
    ],
  },
  {
    heading: 'Auth0',
    form: auth0Form,
    user: auth0,
    staff: { permissions: ['realtime:staff', 'realtime:talk'], aud: AUTH0_API },
    operator: { permissions: ['relay:read', 'realtime:talk'] },
    asked: { scope: 'openid relay:admin relay:read realtime:staff' },
    refused: [
      ['an ID token', { aud: auth0.azp as string, permissions: undefined, scope: undefined, ...nonce }, 'wrong_audience'],
      ['another API', { aud: ['https://other.example.com', `${AUTH0}userinfo`] }, 'wrong_audience'],
      ['another Auth0 tenant', { iss: 'https://evil.eu.auth0.com/' }, 'wrong_issuer'],
      ['an issuer without its slash', { iss: AUTH0.slice(0, -1) }, 'wrong_issuer'],
      ['a user without the permission', { permissions: [] }, 'claim_required'],
      ['a permission that was asked for and not given', { permissions: undefined }, 'claim_required'],
      ['a permission as one text', { permissions: 'realtime:talk realtime:staff' }, 'claim_required'],
    ],
  },
  {
    heading: 'Auth0',
    blocks: 2,
    form: auth0Form,
    user: auth0,
    staff: { 'https://relay.example.com/profile': 'staff' },
    operator: { permissions: ['relay:read', 'realtime:talk'] },
    asked: { profile: 'https://alice.example/about-me', scope: 'relay:admin' },
    refused: [],
  },
  {
    heading: 'Keycloak',
    form: { keysPath: '/realms/acme/protocol/openid-connect/certs', entry: plainEntry, hasEncryptionKey: true },
    user: keycloak,
    staff: roles('talk', 'staff'),
    operator: roles('talk', 'relay:read'),
    asked: { scope: 'openid relay:admin', realm_access: { roles: ['relay:admin', 'staff'] } },
    refused: [
      ['a user without a role of the client', { aud: 'account', resource_access: { account: { roles: ['view-profile'] } } }, 'wrong_audience'],
      ['another client’s role of that name', { resource_access: { other: { roles: ['talk', 'staff'] } } }, 'claim_required'],
      ['an ID token of the page', { typ: 'ID', aud: 'web' }, 'wrong_audience'],
      ['an ID token of the relay’s own client', { typ: 'ID', aud: 'realtime-relay' }, 'claim_required'],
      ['an app that is not named', { azp: 'games' }, 'claim_required'],
      ['a token without the scope basic', { sub: undefined }, 'bad_subject'],
      ['another realm', { iss: 'https://id.example.com/realms/other' }, 'wrong_issuer'],
      ['an issuer with a slash', { iss: `${REALM}/` }, 'wrong_issuer'],
    ],
  },
  {
    heading: 'Amazon Cognito',
    form: { keysPath: '/eu-west-1_EXAMPLE/.well-known/jwks.json', entry: plainEntry },
    user: cognito,
    staff: { 'cognito:groups': ['beta', 'staff'] },
    operator: { 'cognito:groups': ['relay:read'] },
    asked: { scope: 'relay/relay:admin relay:admin' },
    refused: [
      ['an ID token', { token_use: 'id', aud: CLIENT, client_id: undefined, 'cognito:username': 'alice' }, 'wrong_client'],
      ['an ID token that names the client', { token_use: 'id' }, 'claim_required'],
      ['another app client', { client_id: '2example23456789' }, 'wrong_client'],
      ['a service’s own audience', { aud: 'https://other.example.com' }, 'wrong_audience'],
      ['another pool', { iss: POOL.replace('EXAMPLE', 'OTHER') }, 'wrong_issuer'],
    ],
  },
]
