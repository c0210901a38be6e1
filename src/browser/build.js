// Builds what pages load: the kit as one minified file, its microphone worklet, and the pages that the relay itself serves.
import { cpSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const SOURCE = fileURLToPath(new URL('../', import.meta.url))
const KIT = { bundle: true, minify: true, format: 'esm', target: 'es2022', logLevel: 'error' }

/** `folder` is that of the compiled relay. */
export async function buildPages(folder) {
  for (const page of ['console', 'operator']) cpSync(`${SOURCE}${page}`, `${folder}/${page}`, { recursive: true })
  for (const room of ['browser', 'console']) await build({ ...KIT, entryPoints: [`${SOURCE}browser/browser.ts`], outfile: `${folder}/${room}/kit.min.js` })
  const worklet = await build({ ...KIT, entryPoints: [`${SOURCE}browser/worklet.ts`], write: false })
  const { MICROPHONE } = await import(`data:text/javascript,${encodeURIComponent(worklet.outputFiles[0].text)}`)
  writeFileSync(`${folder}/browser/microphone-worklet.js`, MICROPHONE)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPages(fileURLToPath(new URL('../../dist', import.meta.url)))
