// Turns the data of service members in ZooKeeper into labels, named like Prometheus's. Accepts what Go's
// JSON decoder accepts: field names in any case; `null` and missing fields count as empty; a value of the
// wrong type makes the node no member.

import { joinHostPort } from '../host-port.ts'
import { metaLabel } from '../meta-label.ts'

/**
 * Turns a node's data into labels.
 *
 * @throws Error if the data is not a member.
 */
export type ReadMember = (data: Buffer, path: string) => Map<string, string>

type Fields = Readonly<Record<string, unknown>>

/** Reads a member written by Airbnb's Nerve. */
export const readNerveMember: ReadMember = (data, path) => {
  const member = fieldsOf(parse(data), 'it')
  const { host, port } = readEndpoint(member)
  return new Map([
    ['__address__', joinHostPort(host, port)],
    [metaLabel('nerve_path'), path],
    [metaLabel('nerve_endpoint_host'), host],
    [metaLabel('nerve_endpoint_port'), port],
    [metaLabel('nerve_endpoint_name'), textOf(member, 'name')],
  ])
}

/** Reads a member of a Twitter serverset. */
export const readServersetMember: ReadMember = (data, path) => {
  const member = fieldsOf(parse(data), 'it')
  const main = readEndpoint(fieldsOf(find(member, 'serviceEndpoint'), 'serviceEndpoint'))
  const labels = new Map([
    ['__address__', joinHostPort(main.host, main.port)],
    [metaLabel('serverset_path'), path],
    [metaLabel('serverset_endpoint_host'), main.host],
    [metaLabel('serverset_endpoint_port'), main.port],
    [metaLabel('serverset_status'), textOf(member, 'status')],
    [metaLabel('serverset_shard'), integerOf(member, 'shard')],
  ])
  const others = fieldsOf(find(member, 'additionalEndpoints'), 'additionalEndpoints')
  for (const [name, written] of Object.entries(others)) {
    const { host, port } = readEndpoint(fieldsOf(written, name))
    labels.set(metaLabel('serverset_endpoint_host', name), host)
    labels.set(metaLabel('serverset_endpoint_port', name), port)
  }
  return labels
}

function parse(data: Buffer): unknown {
  return JSON.parse(data.toString('utf8'), keepIntegers as (key: string, value: unknown) => unknown)
}

/** Drops numbers not written as integers, because Go does not accept `80.0` or `8e1` as integers. */
function keepIntegers(_key: string, value: unknown, { source }: { source?: string }): unknown {
  return typeof value !== 'number' || /^-?\d+$/.test(source ?? '') ? value : Number.NaN
}

function readEndpoint(fields: Fields): { readonly host: string; readonly port: string } {
  return { host: textOf(fields, 'host'), port: integerOf(fields, 'port') }
}

function fieldsOf(value: unknown, name: string): Fields {
  if (value === null || value === undefined) return {}
  if (typeof value === 'object' && !Array.isArray(value)) return value as Fields
  throw new TypeError(`${name} is not an object`)
}

/** Finds a field by name in any case. The last match counts. */
function find(fields: Fields, name: string): unknown {
  const wanted = name.toLowerCase()
  return Object.entries(fields).findLast(
    ([key, value]) => key.toLowerCase() === wanted && value !== null,
  )?.[1]
}

function textOf(fields: Fields, name: string): string {
  const value = find(fields, name) ?? ''
  if (typeof value === 'string') return value
  throw new TypeError(`${name} is not a string`)
}

function integerOf(fields: Fields, name: string): string {
  const value = find(fields, name) ?? 0
  if (Number.isSafeInteger(value)) return String(value)
  throw new TypeError(`${name} is not a whole number`)
}
