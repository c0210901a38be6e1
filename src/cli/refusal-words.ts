// Says in a sentence why a token is refused, naming the settings that decide it.

const WORDS: Readonly<Record<string, string>> = {
  malformed_token: 'This is no JWT: three parts with dots between them are expected, without quotes or blanks. Was all of it copied?',
  bad_signature: 'The signature does not fit the key: the token was signed with another one, or changed since. JWT_SECRET, JWT_PUBLIC_KEY or JWKS_URL is the key.',
  expired: 'The token has expired: its claim exp lies in the past. JWT_CLOCK_TOLERANCE_S allows for clocks that differ.',
  not_yet_valid: 'The token is not valid yet: its claim nbf lies in the future.',
  bad_expiry: 'The claim exp is missing, or is no number of seconds.',
  bad_subject: 'The claim sub is missing, or is no name of 1 to 256 characters.',
  bad_claim_type: 'A standard claim has the wrong type: iss and jti are text, nbf and iat are numbers.',
  bad_claim: 'A standard claim is not as it must be.',
  wrong_issuer: 'The claim iss is not what JWT_ISSUER says, letter for letter.',
  wrong_audience: 'The claim aud does not name what JWT_AUDIENCE says.',
  wrong_client: 'The claim client_id is not what JWT_CLIENT_ID says.',
  claim_required: 'A claim that JWT_REQUIRED_CLAIMS names is missing, or says something else.',
  algorithm_not_allowed: 'The token’s header names an algorithm that JWT_ALGORITHMS does not allow.',
  unknown_key: 'The key set of JWKS_URL has no key that the token’s header (kid) names.',
  ambiguous_key: 'Several keys of JWKS_URL fit the token, and its header names none (kid).',
  no_keys: 'There are no keys to check it with: JWKS_URL could not be fetched. The command check says why.',
  invalid_token: 'The token cannot be verified: it may be cut, or of a form that is not supported.',
  unknown_profile: 'The token names a profile that PROFILES_FILE does not have. JWT_PROFILE_CLAIM says which claim that is.',
}

/** The word itself if there is no sentence for it. */
export function refusalWords(why: string): string {
  return Object.hasOwn(WORDS, why) ? (WORDS[why] as string) : why
}
