// Runs what the chart renders with loki.tls and loki.auth: the store, the agent, and the script of `helm test`. Replaces only
// what a pod gets from outside: mounts and addresses, and the files that the agent reads.

import '../test/keep-directories.ts'
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { t as root, type Test, test } from 'tap'
import { parse, stringify } from 'yaml'
import { makeCertificates } from '../test/certificates.ts'
import {
  findObject,
  type KubernetesObject,
  needsHelm,
  renderSet,
  textOf,
  valueSet,
} from './chart/helm.ts'
import { cleanEnv, reservePort, type SkaldProcess, spawnSkald } from './skald-process.ts'

root.setTimeout(90_000)
const run = promisify(execFile)
const { release } = valueSet('tls-and-tokens')

async function until(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; !(await isTrue()); i++) {
    if (i > 400) throw new Error(`not yet: ${what}`)
    await sleep(50)
  }
}

/** Starts one of the two with its rendered configuration, changed by `place`. */
function start(
  t: Test,
  command: 'store' | 'agent',
  options: { dir: string; text: string; place: (text: string) => string; args?: string[] },
): SkaldProcess {
  const { dir, text, place, args = [] } = options
  const file = join(dir, `${command}.yaml`)
  writeFileSync(file, place(text))
  const process = spawnSkald({
    args: [command, `-config.file=${file}`, ...args],
    outputFile: join(dir, `${command}.log`),
  })
  t.teardown(() => process.end('SIGTERM'))
  return process
}

/** Writes the mounts of the pods. Returns what puts their place into a configuration. */
function mount(dir: string, objects: readonly KubernetesObject[]) {
  makeCertificates(join(dir, 'tls'))
  const tokens = findObject(objects, 'Secret', `${release}-tokens`)
  const token = textOf(tokens, 'agent')
  writeFileSync(join(dir, 'agent'), token)
  writeFileSync(join(dir, 'htpasswd'), '# nobody yet\n')
  const place = (text: string) =>
    text
      .replaceAll('/etc/loki-tls/tls.', `${dir}/tls/server.`)
      .replaceAll('/etc/promtail-tls/', `${dir}/tls/`)
      .replaceAll('/etc/promtail-token/', `${dir}/`)
      .replaceAll('/etc/loki-users/', `${dir}/`)
      .replaceAll('/data/skald', `${dir}/data`)
  return { place, ca: join(dir, 'tls/ca.crt'), testToken: textOf(tokens, 'test') }
}

test(
  'store, agent and helm test of a release with HTTPS and tokens reach each other',
  needsHelm,
  async t => {
    const dir = t.testdir()
    const objects = await renderSet(valueSet('tls-and-tokens'))
    const { place, ca, testToken } = mount(dir, objects)
    const port = await reservePort()
    const url = `https://127.0.0.1:${port}`
    const store = start(t, 'store', {
      ...{ dir, place, text: textOf(findObject(objects, 'Secret', release), 'loki.yaml') },
      args: ['-server.http-listen-address=127.0.0.1', `-server.http-listen-port=${port}`],
    })
    await until(() => store.output().includes('store is ready'), 'the store')

    mkdirSync(join(dir, 'logs'))
    writeFileSync(join(dir, 'logs/app.log'), 'a line of a pod\n')
    const rendered = textOf(findObject(objects, 'Secret', `${release}-promtail`), 'promtail.yaml')
    const agentPort = await reservePort()
    start(t, 'agent', {
      ...{ dir, text: rendered },
      place: text => {
        const config = parse(place(text.replaceAll(`https://${release}:3100`, url)))
        const labels = { pod: 'app', app: 'loki', __path__: join(dir, 'logs/*.log') }
        return stringify({
          ...config,
          server: { http_listen_address: '127.0.0.1', http_listen_port: agentPort },
          positions: { filename: join(dir, 'positions.yaml') },
          scrape_configs: [{ job_name: 'pods', static_configs: [{ labels }] }],
        })
      },
    })

    const { spec } = findObject(objects, 'Pod', `${release}-loki-stack-test`)
    const env: { name: string; value?: string; valueFrom?: object }[] = spec.containers[0].env
    t.match(env, [{ name: 'LOKI_URL', value: `https://${release}:3100` }])
    t.match(env.find(({ name }) => name === 'TOKEN')?.valueFrom, {
      secretKeyRef: { name: `${release}-tokens`, key: 'test' },
    })
    const script = join(dir, 'test.mjs')
    writeFileSync(
      script,
      textOf(findObject(objects, 'ConfigMap', `${release}-loki-stack-test`), 'test.mjs'),
    )
    const runScript = (TOKEN: string, TIMEOUT_SECONDS: string) =>
      run(process.execPath, [script], {
        env: {
          ...cleanEnv(),
          ...{ LOKI_URL: url, TOKEN, TIMEOUT_SECONDS, WITH_AGENT: 'true' },
          NODE_EXTRA_CA_CERTS: ca,
        },
      })
    const { stdout } = await runScript(testToken, '60')
    t.equal(stdout.match(/^ok - /gm)?.length, 4, stdout)
    const refused = await runScript('wrong', '1').catch((error: { stdout: string }) => error)
    t.match(refused.stdout, /not ok - a pushed line is found: the push was answered 401/)
  },
)
