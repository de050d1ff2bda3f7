// Asks axe what people who use a screen reader, a keyboard or weak eyes cannot use on a page.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/**
 * Returns what axe finds serious or critical.
 * @param rules The rules to try; all if left out.
 */
export async function seriousFindings(page: Page, rules?: readonly string[]): Promise<string[]> {
  const options = rules ? JSON.stringify({ runOnly: rules }) : ''
  const has = await page.evaluate<boolean>('"axe" in globalThis')
  // As a source for the debugger, because the content policy forbids inline scripts.
  if (!has) await page.evaluate(readFileSync(axePath, 'utf8'))
  return page.evaluate(`axe.run(${options}).then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.slice(0, 3).map(({ html, failureSummary }) => id + ': ' + html.slice(0, 160) + ' ' + failureSummary)))`)
}
