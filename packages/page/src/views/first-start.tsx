// What an empty store shows: how to send lines. Goes away when the first line comes.

import { useEffect } from 'preact/hooks'
import { firstLineEveryMs } from '../limits.ts'
import { useApp } from '../parts/app-context.ts'
import { IconButton } from '../parts/icon-button.tsx'
import { tenantsIn } from '../state/tenants.ts'

/** Three ways to send lines. */
export function FirstStart() {
  const app = useApp()
  const t = app.texts.value.firstStart
  useEffect(() => {
    const timer = setInterval(async () => {
      const status = await app.readStatus()
      if (!status || status.days.length === 0) return
      app.isEmpty.value = false
      app.say(t.arrived)
      app.start()
    }, firstLineEveryMs)
    return () => clearInterval(timer)
  }, [])
  return (
    <section class="first-start" aria-label={t.title}>
      <h1>{t.title}</h1>
      <p>{t.intro}</p>
      {commandsFor(app.client.address, tenantsIn(app.settings.tenant.value)[0] ?? '').map(
        ({ kind, command }) => (
          <div key={kind} class="command">
            <h2>{t.ways[kind]}</h2>
            <pre>
              <code>{command}</code>
            </pre>
            <IconButton
              icon="copy"
              label={`${app.texts.value.copy}: ${t.ways[kind]}`}
              onClick={() => void app.copy(command)}
            />
          </div>
        ),
      )}
      <p class="first-wait" role="status">
        <span class="live-dot" /> {t.waiting}
      </p>
    </section>
  )
}

type Way = 'line' | 'files' | 'otlp'

function commandsFor(address: string, tenant: string): { kind: Way; command: string }[] {
  const header = tenant === '' ? '' : ` -H 'X-Scope-OrgID: ${tenant}'`
  const json = `-H 'Content-Type: application/json'${header}`
  const client = `{url: "${address}/loki/api/v1/push"${tenant === '' ? '' : `, tenant_id: "${tenant}"`}}`
  const labels = '{job: files, __path__: /var/log/*.log}'
  return [
    {
      kind: 'line',
      command: `curl ${json} ${address}/loki/api/v1/push -d '{"streams":[{"stream":{"app":"hello"},"values":[["'$(date +%s)000000000'","hello, Skald"]]}]}'`,
    },
    {
      kind: 'files',
      command: `echo 'clients: [${client}]
scrape_configs: [{job_name: files, static_configs: [{labels: ${labels}}]}]' > agent.yaml
skald agent -config.file=agent.yaml`,
    },
    {
      kind: 'otlp',
      command: `curl ${json} ${address}/otlp/v1/logs -d '{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"hello"}}]},"scopeLogs":[{"logRecords":[{"body":{"stringValue":"hello, OpenTelemetry"}}]}]}]}'`,
    },
  ]
}
