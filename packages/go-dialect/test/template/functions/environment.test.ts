import { test } from 'tap'
import { createEnvironmentFunctions } from '../../../src/template/functions/environment.ts'
import { parseTemplate } from '../../../src/template/template.ts'
import { dataOf } from '../render.ts'

test('env and expandenv read the environment that they are given', async t => {
  const functions = createEnvironmentFunctions({ NODE: 'n-1', A_2: 'x' })
  const f = (text: string, expected: string) =>
    t.equal(parseTemplate(text, { name: 'line', functions }).execute(dataOf({})), expected, text)

  f('{{ env "NODE" }} [{{ env "NONE" }}]', 'n-1 []')
  f('{{ expandenv "$NODE-${A_2}$A_2.$NONE|$1|" }}', 'n-1-xx.||')
  f('{{ expandenv "costs 5$" }}', 'costs 5$')
})
