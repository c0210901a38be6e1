// Reads the part of TwiML that a relay answers with, strictly: what Twilio would refuse is refused here too.

export type Verb =
  | { readonly type: 'stream'; readonly url: string; readonly parameters: Readonly<Record<string, string>>; readonly action: string | undefined }
  | { readonly type: 'dial'; readonly target: string }
  | { readonly type: 'reject'; readonly reason: string }
  | { readonly type: 'say'; readonly text: string }
  | { readonly type: 'hangup' }

interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Element[]
  text: string
}

const TOKEN = /<\?xml[^>]*\?>|<\/(?<close>[A-Za-z]+)\s*>|<(?<open>[A-Za-z]+)(?<attributes>(?:\s+[A-Za-z]+="[^"<]*")*)\s*(?<empty>\/?)>|(?<text>[^<]+)/gy
const ATTRIBUTE = /([A-Za-z]+)="([^"]*)"/g
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const MAX_CHARS = 65_536

/** Throws an error that says what is wrong. */
export function readTwiml(xml: string): readonly Verb[] {
  const root = readXml(xml)
  if (root.name !== 'Response') throw new Error(`TwiML begins with <Response>, not with <${root.name}>`)
  return root.children.map(verbOf)
}

function verbOf(element: Element): Verb {
  switch (element.name) {
    case 'Connect': {
      const [stream, ...more] = element.children
      if (stream?.name !== 'Stream' || more.length > 0) throw new Error('<Connect> has one <Stream>')
      const { url = '' } = stream.attributes
      if (!/^wss?:\/\/[^?#]+$/.test(url)) throw new Error('the url of <Stream> is a WebSocket address without query')
      const parameters: Record<string, string> = {}
      for (const { name, attributes } of stream.children) {
        if (name !== 'Parameter' || attributes.name === undefined || attributes.value === undefined) throw new Error('<Stream> has <Parameter name value>')
        parameters[attributes.name] = attributes.value
      }
      return { type: 'stream', url, parameters, action: element.attributes.action }
    }
    case 'Dial': {
      const target = element.children[0]?.name === 'Sip' ? element.children[0].text : element.text
      if (target.trim() === '') throw new Error('<Dial> names nobody')
      return { type: 'dial', target: target.trim() }
    }
    case 'Reject':
      return { type: 'reject', reason: element.attributes.reason ?? 'rejected' }
    case 'Say':
      if (element.text.trim() === '' || element.children.length > 0) throw new Error('<Say> has a text')
      return { type: 'say', text: element.text.trim() }
    case 'Hangup':
      return { type: 'hangup' }
    default:
      throw new Error(`<${element.name}> is not simulated`)
  }
}

function readXml(xml: string): Element {
  if (xml.length > MAX_CHARS) throw new Error('TwiML has at most 64 KiB')
  const top: Element = { name: '', attributes: {}, children: [], text: '' }
  const open: Element[] = [top]
  let at = 0
  for (const found of xml.matchAll(TOKEN)) {
    at = found.index + found[0].length
    const { close, open: name, attributes = '', empty, text } = found.groups ?? {}
    const parent = open.at(-1) ?? top
    if (text !== undefined) parent.text += plain(text)
    else if (name !== undefined) {
      const element: Element = {
        name,
        attributes: Object.fromEntries([...attributes.matchAll(ATTRIBUTE)].map(([, key = '', value = '']) => [key, plain(value)])),
        children: [],
        text: '',
      }
      parent.children.push(element)
      if (empty === '') open.push(element)
    } else if (close !== undefined && open.pop()?.name !== close) throw new Error(`</${close}> closes nothing`)
  }
  const [root, ...more] = top.children
  if (at !== xml.length || open.length !== 1 || !root || more.length > 0) throw new Error('not well-formed')
  return root
}

function plain(text: string): string {
  return text.replace(/&([^;]*);?/g, (whole, name: string) => {
    const character = whole.endsWith(';') ? ENTITIES[name] : undefined
    if (character === undefined) throw new Error(`${whole} is no entity`)
    return character
  })
}
