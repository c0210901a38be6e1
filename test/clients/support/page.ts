// The little that talkers use of a page, typed here so that the rest is not checked as if it ran in one.

interface PageGlobals {
  readonly document?: { getElementById(id: string): object | null }
  readonly location?: { readonly host: string }
}

const page = globalThis as unknown as PageGlobals

export const isPage = page.document !== undefined

/** The element that pages of these tests have for their content. */
export function rootElement(): never {
  return page.document?.getElementById('root') as never
}

export function pageHost(): string {
  return page.location?.host ?? ''
}
