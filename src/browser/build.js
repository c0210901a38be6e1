// Builds what pages load: the kit as one minified file, its microphone worklet, and the pages that the relay itself serves.
import { cpSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build, transform } from 'esbuild'

const SOURCE = fileURLToPath(new URL('../', import.meta.url))
const SMALL = { minify: true, format: 'esm', target: 'es2022' }
/** What the kit's parts call each other: neither the API nor a browser has such names. Without it the kit has 6,081 bytes, and may have 6,000. */
const OWN_NAMES = { mangleProps: /^((on|is)[A-Z]\w*|awayMs|doubt|speaker|pieces|missed|forget|bearer|listens|wake|ends|heard|tell|dial|cut|player)$/ }

/** The worklet is text in its module, which no minifier looks into. */
async function workletIn(path) {
  const [, text] = /`([^`]*)`\s*$/.exec(await readFile(path, 'utf8'))
  const { code } = await transform(text, SMALL)
  return { code, module: `export const MICROPHONE = ${JSON.stringify(code.trim())}` }
}
const worklet = await workletIn(`${SOURCE}browser/worklet.ts`)
const smallWorklet = {
  name: 'small worklet',
  setup: (build) => build.onLoad({ filter: /browser\/worklet\.ts$/ }, () => ({ contents: worklet.module, loader: 'ts' })),
}

/** `folder` is that of the compiled relay. */
export async function buildPages(folder) {
  for (const page of ['console', 'operator']) cpSync(`${SOURCE}${page}`, `${folder}/${page}`, { recursive: true })
  const kit = { ...SMALL, ...OWN_NAMES, entryPoints: [`${SOURCE}browser/browser.ts`], bundle: true, charset: 'utf8', logLevel: 'error', plugins: [smallWorklet] }
  // The demo serves its page's folder alone.
  for (const room of ['browser', 'console']) {
    await build({ ...kit, outfile: `${folder}/${room}/kit.min.js` })
    writeFileSync(`${folder}/${room}/microphone-worklet.js`, worklet.code)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPages(fileURLToPath(new URL('../../dist', import.meta.url)))
