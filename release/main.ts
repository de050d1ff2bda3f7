// npm run release -- COMMAND: builds everything that is published from this tree. See docs/releases.md.

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildRelease } from './build.ts'
import { trimLockfile } from './lockfile.ts'
import { manifestPath, renderManifest } from './manifest.ts'
import { chartDir, formatValuesSchema } from './values-schema.ts'
import { setVersion } from './version.ts'

const usage = `npm run release -- COMMAND

  values-schema          regenerates charts/skald/values.schema.json
  manifest               regenerates examples/kubernetes/skald.yaml with helm
  lockfile               removes from package-lock.json what npm would warn about
  version VERSION        writes the version everywhere and adds its heading to the CHANGELOG
  build [--out dist] [--chart-url URL]
                         builds the npm package, chart with index, image tags and checksums
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: 'dist' },
    'chart-url': { type: 'string', default: '' },
  },
})
const [command, argument] = positionals

switch (command) {
  case 'values-schema':
    writeFileSync(`${chartDir}/values.schema.json`, formatValuesSchema())
    break
  case 'manifest':
    writeFileSync(manifestPath, renderManifest())
    break
  case 'lockfile':
    trimLockfile()
    break
  case 'version':
    setVersion(argument ?? '', { date: new Date().toISOString().slice(0, 10) })
    break
  case 'build': {
    const options = { outDir: resolve(values.out), chartUrl: values['chart-url'] }
    for (const file of await buildRelease(options)) console.log(file)
    break
  }
  default:
    console.error(usage)
    process.exitCode = 2
}
