// A store that asks who comes: people sign in on the page, with a token or a password, and sign out.

import '../../test/keep-directories.ts'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { t as root } from 'tap'
import { startStore } from '../harness.ts'
import { seriousFindings } from './axe.ts'
import { browserTest } from './browser.ts'

root.setTimeout(90_000)
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
// `htpasswd -nbB -C 4 ann 'correct horse'`
const ann = 'ann:$2b$04$zBFN5FIGMkFcJlJAYHdcwumgCi8NkE5BwDPuHrgLJfVbD2PA3wU8m'

async function fill(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  const dialog = page.getByRole('dialog', { name: /Sign in|로그인/ })
  for (const [label, text] of Object.entries(fields)) await dialog.getByLabel(label).fill(text)
  await dialog.getByRole('button', { name: /^(Sign in|로그인)$/ }).click()
}

browserTest(
  'people sign in with a password or a token, live tails too, and sign out',
  async (t, open) => {
    const dir = t.testdir()
    writeFileSync(join(dir, 'htpasswd'), `${ann}\n`)
    const store = await startStore(t, {
      ...{ dir, tenants: true, prefix: '/logs' },
      config: `auth:
  htpasswd_file: ${JSON.stringify(join(dir, 'htpasswd'))}
  users: [{name: ann, roles: [read], tenants: [one]}]
  tokens:
    - {name: both, sha256: ${sha256('both-secret')}, roles: [read, push], tenants: [one, two]}
`,
    })
    const push = async (tenant: string, line: string) => {
      const values = [[`${Date.now()}000000`, line]]
      const answer = await store.request('/logs/loki/api/v1/push', {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          'X-Scope-OrgID': tenant,
          Authorization: 'Bearer both-secret',
        },
        body: JSON.stringify({ streams: [{ stream: { service_name: 'x' }, values }] }),
      })
      t.equal(answer.status, 204, answer.body)
    }
    await push('one', 'of team one')
    await push('two', 'of team two')
    const page = await open(store.url, { expectsFailures: true })
    await fill(page, { User: 'ann', Password: 'wrong' })
    await page.getByText('The user, the password or the token is wrong').waitFor()
    t.same(await seriousFindings(page), [], 'axe')
    await fill(page, { User: 'ann', Password: 'correct horse' })
    await page.locator('.line', { hasText: 'of team one' }).waitFor()
    t.equal(await page.getByText('of team two').count(), 0)
    const cookies = await page.context().cookies()
    t.match(cookies, [{ name: 'skald_session', path: '/logs', httpOnly: true, sameSite: 'Strict' }])
    t.notMatch(
      await page.evaluate<string>(
        'document.cookie + JSON.stringify([localStorage, sessionStorage])',
      ),
      /correct horse|skald_session/,
    )
    await page.reload()
    await page.locator('.line', { hasText: 'of team one' }).waitFor()
    await page.keyboard.press('t')
    await page.locator('.live-state.open').waitFor()
    await push('one', 'live for one')
    await page.locator('.line', { hasText: 'live for one' }).waitFor()
    await page.keyboard.press('t')

    await page.getByRole('button', { name: 'Sign out ann' }).click()
    await fill(page, { Token: 'both-secret' })
    await page.getByRole('dialog').getByLabel('Tenant').fill('two')
    await page.getByRole('dialog').getByRole('button', { name: 'Show' }).click()
    await page.locator('.line', { hasText: 'of team two' }).waitFor()
    await page.getByRole('button', { name: '한국어' }).click()
    await page.getByRole('button', { name: 'both 로그아웃' }).click()
    await page.getByRole('dialog', { name: '로그인' }).getByLabel('비밀번호').waitFor()
    t.same(await page.context().cookies(), [])
  },
)

browserTest('a live view asks for a sign-in when its token ends', async (t, open) => {
  const expires = new Date(Date.now() + 10_000).toISOString()
  const store = await startStore(t, {
    dir: t.testdir(),
    config: `auth:
  tokens: [{name: short, sha256: ${sha256('short-secret')}, roles: [read], expires: '${expires}'}]
`,
  })
  const page = await open(store.url, { expectsFailures: true })
  await fill(page, { Token: 'short-secret' })
  await page.getByRole('button', { name: 'Sign out short' }).waitFor()
  await page.keyboard.press('t')
  await page.locator('.live-state.open').waitFor()
  await page.locator('.live-state.closed').waitFor({ timeout: 30_000 })
  await page.getByText('the token or the user of this request has ended').waitFor()
  await page.getByRole('dialog', { name: 'Sign in' }).getByLabel('Token').waitFor()
  t.pass('it asks')
})
