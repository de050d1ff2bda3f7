// Reads kubeconfig files: the cluster and user of the current context.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import type { HeaderAuthorization, Secret } from '../../net/credentials.ts'
import type { ClientTls } from '../../net/http-post.ts'
import type { ApiConnection } from '../api-client.ts'

interface Named {
  readonly name?: string
}

interface RawCluster {
  readonly server?: string
  readonly 'certificate-authority'?: string
  readonly 'certificate-authority-data'?: string
  readonly 'insecure-skip-tls-verify'?: boolean
  readonly 'tls-server-name'?: string
}

interface RawUser {
  readonly token?: string
  readonly tokenFile?: string
  readonly username?: string
  readonly password?: string
  readonly 'client-certificate'?: string
  readonly 'client-certificate-data'?: string
  readonly 'client-key'?: string
  readonly 'client-key-data'?: string
  readonly exec?: object
  readonly 'auth-provider'?: object
}

interface RawKubeconfig {
  readonly 'current-context'?: string
  readonly contexts?: readonly (Named & { readonly context?: Record<string, string> })[]
  readonly clusters?: readonly (Named & { readonly cluster?: RawCluster })[]
  readonly users?: readonly (Named & { readonly user?: RawUser })[]
}

/**
 * Reads a kubeconfig file. Paths in it are relative to its directory.
 *
 * @throws Error that names what is missing or unsupported.
 */
export function loadKubeconfig(path: string): ApiConnection {
  const raw = (parse(readFileSync(path, 'utf8')) ?? {}) as RawKubeconfig
  const fail = (why: string): never => {
    throw new Error(`${path}: ${why}`)
  }
  const contextName = raw['current-context'] ?? ''
  const context = raw.contexts?.find(({ name }) => name === contextName)?.context
  if (!context) return fail(`current-context ${JSON.stringify(contextName)} is not among contexts`)
  const cluster = raw.clusters?.find(({ name }) => name === context.cluster)?.cluster
  if (!cluster?.server || !URL.canParse(cluster.server)) {
    return fail(`cluster ${JSON.stringify(context.cluster)} has no server with a URL`)
  }
  const user = raw.users?.find(({ name }) => name === context.user)?.user ?? {}
  const unsupported = (['exec', 'auth-provider'] as const).find(key => user[key] !== undefined)
  if (unsupported) {
    return fail(
      `user ${JSON.stringify(context.user)} has ${unsupported}, which is not supported: use a token, a tokenFile or a client certificate`,
    )
  }
  const directory = dirname(resolve(path))
  const secretOf = (file: string | undefined, data: string | undefined): Secret | undefined => {
    if (data) return { text: Buffer.from(data, 'base64').toString('utf8') }
    return file ? { file: resolve(directory, file) } : undefined
  }
  const ca = secretOf(cluster['certificate-authority'], cluster['certificate-authority-data'])
  const cert = secretOf(user['client-certificate'], user['client-certificate-data'])
  const key = secretOf(user['client-key'], user['client-key-data'])
  const serverName = cluster['tls-server-name']
  const tls: ClientTls = {
    isInsecure: cluster['insecure-skip-tls-verify'] ?? false,
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(serverName && { serverName }),
  }
  const authorization = authorizationOf(user, directory)
  return { url: new URL(cluster.server), tls, ...(authorization && { authorization }) }
}

function authorizationOf(user: RawUser, directory: string): HeaderAuthorization | undefined {
  const { token, tokenFile, username, password } = user
  const credentials: Secret | undefined = tokenFile
    ? { file: resolve(directory, tokenFile) }
    : token
      ? { text: token }
      : undefined
  if (credentials) return { kind: 'header', type: 'Bearer', credentials }
  if (username === undefined) return undefined
  return { kind: 'basic', username: { text: username }, password: { text: password ?? '' } }
}
