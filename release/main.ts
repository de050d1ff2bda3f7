// npm run release -- COMMAND: makes what is given to others from this tree.

import { writeFileSync } from 'node:fs'
import { chartDir, formatValuesSchema } from './values-schema.ts'

const commands: Readonly<Record<string, () => void>> = {
  'values-schema': () => writeFileSync(`${chartDir}/values.schema.json`, formatValuesSchema()),
}

const [name = ''] = process.argv.slice(2)
const command = commands[name]
if (!command) {
  console.error(`npm run release -- COMMAND, one of: ${Object.keys(commands).join(', ')}`)
  process.exit(2)
}
command()
