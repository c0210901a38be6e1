// A Content Safety service on loopback: both operations, with the statuses and limits of Microsoft's reference, and every misbehaviour of the hostile service.
import { type HostileHttp, type Received, startHostileHttp } from './hostile-http.js'

const MOST_CHARACTERS = 10_000

/** Blocks "kill" as violence, "damn" as hate of a low severity, and attacks with "ignore all". The key is `safety-key`, the token `token-of-entra`. */
export function startContentSafety(): Promise<HostileHttp> {
  return startHostileHttp((asked, text) => {
    const { headers, path, body } = asked
    if (headers['ocp-apim-subscription-key'] !== 'safety-key' && headers.authorization !== 'Bearer token-of-entra') return error(401, 'Unauthorized')
    const { pathname, searchParams } = new URL(path, 'http://localhost')
    if (!/^\d{4}-\d{2}-\d{2}$/.test(searchParams.get('api-version') ?? '')) return error(404, 'NotFound')
    if ([...text].length > MOST_CHARACTERS) return error(400, 'InvalidRequestBody')
    if (pathname === '/contentsafety/text:analyze') return { body: analysisOf(asked, text) }
    if (pathname !== '/contentsafety/text:shieldPrompt') return error(404, 'NotFound')
    const attackDetected = text.includes('ignore all')
    const documents = Array.isArray(body.documents) ? body.documents : []
    return { body: { ...(body.userPrompt !== undefined && { userPromptAnalysis: { attackDetected } }), documentsAnalysis: documents.map(() => ({ attackDetected })) } }
  })
}

function analysisOf({ body }: Received, text: string): object {
  const categories = Array.isArray(body.categories) ? body.categories : ['Hate', 'SelfHarm', 'Sexual', 'Violence']
  const severities: Record<string, number> = { Violence: text.includes('kill') ? 6 : 0, Hate: text.includes('damn') ? 2 : 0 }
  const lists = Array.isArray(body.blocklistNames) ? body.blocklistNames : []
  return {
    blocklistsMatch: lists.flatMap((blocklistName) => (text.includes('Voldemort') ? [{ blocklistName, blocklistItemId: 'b7', blocklistItemText: 'Voldemort' }] : [])),
    categoriesAnalysis: categories.map((category) => ({ category, severity: severities[String(category)] ?? 0 })),
  }
}

function error(status: number, code: string) {
  return { status, body: { error: { code, message: 'no' } } }
}
