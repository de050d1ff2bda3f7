import { fastify } from 'fastify'
import { test } from 'tap'
import { loadStoreConfig } from '../../src/config.ts'
import { addDrilldownRoutes } from '../../src/http/drilldown-routes.ts'
import { startTestStore } from '../harness.ts'

const path = '/loki/api/v1/drilldown-limits'

test('limits are returned under their names in the configuration', async t => {
  const yaml = `auth_enabled: false
limits_config: {max_entries_limit_per_query: 700, volume_enabled: false, query_timeout: 90s}`
  const store = await startTestStore(t, { yaml })
  const answer = await store.get(path)
  t.equal(answer.headers['content-type'], 'application/json; charset=UTF-8')
  t.match(answer.json(), {
    limits: {
      discover_log_levels: true,
      max_entries_limit_per_query: 700,
      max_line_size: 262_144,
      max_query_length: '30d1h',
      max_query_range: '0s',
      max_query_series: 500,
      query_timeout: '1m30s',
      retention_period: '0s',
      volume_enabled: false,
      volume_max_series: 1000,
    },
    version: '1.2.3',
  })
  t.equal((await store.app.inject({ method: 'POST', url: path })).statusCode, 405)
})

test('a tenant is required', async t => {
  const store = await startTestStore(t, { yaml: 'auth_enabled: true' })
  const refused = await store.get(path)
  t.same([refused.statusCode, refused.body], [401, 'no org id'])
  t.equal((await store.get(path, {}, 'a')).statusCode, 200)
})

test('patterns are advertised if their endpoint exists, under any prefix', async t => {
  const { limits } = loadStoreConfig('', 'test.yaml').config
  for (const prefix of ['', '/logs']) {
    for (const hasPatterns of [false, true]) {
      const app = fastify()
      await app.register(
        async routes => {
          const limitsOf = () => limits
          addDrilldownRoutes(routes, {
            authEnabled: false,
            mayJoinTenants: false,
            limitsOf,
            version: '1',
          })
          if (hasPatterns) routes.get('/loki/api/v1/patterns', () => '')
        },
        { prefix },
      )
      const answer = await app.inject(`${prefix}${path}`)
      t.match(answer.json(), { pattern_ingester_enabled: hasPatterns })
      await app.close()
    }
  }
})
