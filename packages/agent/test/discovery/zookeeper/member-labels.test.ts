import { test } from 'tap'
import {
  type ReadMember,
  readNerveMember,
  readServersetMember,
} from '../../../src/discovery/zookeeper/member-labels.ts'

/** Returns the labels of a text, or `undefined` if it is not a member. */
function read(readMember: ReadMember, text: string) {
  try {
    return Object.fromEntries(readMember(Buffer.from(text), '/p'))
  } catch {
    return undefined
  }
}

const address = (text: string) => read(readNerveMember, text)?.__address__
const port = (text: string) => read(readNerveMember, text)?.__meta_nerve_endpoint_port

test('A member is read like Go’s decoder reads it', async t => {
  t.equal(address('{"host": "h", "port": 1}'), 'h:1')
  t.equal(address('{"Host": "h", "PORT": 1, "more": [1]}'), 'h:1')
  t.equal(address('{"host": "h", "HOST": "i", "Host": null}'), 'i:0')
  t.equal(address('null'), ':0')
  t.equal(address(' {} '), ':0')
  t.equal(port('{"port": -1}'), '-1')
  const others = ['', '{', '[]', '1', '"text"', '{}{}', '{"host": 1}', '{"host": {}}', '\ufeff{}']
  for (const text of [
    ...others,
    '{"port": "1"}',
    '{"port": 1.5}',
    '{"port": 80.0}',
    '{"port": 1e2}',
    '{"port": true}',
    '{"name": 1}',
  ]) {
    t.equal(read(readNerveMember, text), undefined, text)
  }
  const bytes = Buffer.from([...Buffer.from('{"host": "'), 0xff, ...Buffer.from('"}')])
  t.equal(readNerveMember(bytes, '/p').get('__address__'), '\ufffd:0')
})

test('A serverset member may lack everything, but what it has must be valid', async t => {
  const none = {
    ...{ __address__: ':0', __meta_serverset_path: '/p', __meta_serverset_status: '' },
    ...{ __meta_serverset_endpoint_host: '', __meta_serverset_endpoint_port: '0' },
    __meta_serverset_shard: '0',
  }
  t.same(read(readServersetMember, '{}'), none)
  const nulls =
    '{"serviceEndpoint": null, "additionalEndpoints": null, "status": null, "shard": null}'
  t.same(read(readServersetMember, nulls), none)
  t.same(
    read(readServersetMember, '{"AdditionalEndpoints": {"a.b": {"HOST": "::1", "Port": 2}}}'),
    {
      ...{ ...none, __meta_serverset_endpoint_host_a_b: '::1' },
      __meta_serverset_endpoint_port_a_b: '2',
    },
  )
  const wrong = ['{"serviceEndpoint": []}', '{"serviceEndpoint": "h:1"}', '{"shard": "1"}']
  const wrongEndpoints = ['{"additionalEndpoints": []}', '{"additionalEndpoints": {"a": 1}}']
  for (const text of [...wrong, ...wrongEndpoints, '{"status": 1}']) {
    t.equal(read(readServersetMember, text), undefined, text)
  }
})
