// Finds the API server: through the pod's service account, a kubeconfig file, or an address in the
// configuration.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HeaderAuthorization } from '../../net/credentials.ts'
import type { ClientTls } from '../../net/http-post.ts'
import type { ApiConnection } from '../api-client.ts'
import { loadKubeconfig } from './kubeconfig.ts'

/** The configured way to connect. */
export type ConnectionConfig =
  | { readonly kind: 'in-cluster' }
  | { readonly kind: 'kubeconfig'; readonly path: string }
  | {
      readonly kind: 'address'
      readonly url: URL
      readonly authorization: HeaderAuthorization | undefined
      readonly tls: ClientTls | undefined
    }

/** Where Kubernetes puts a pod's token, CA and namespace. */
export const serviceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Finds the API server. Files are read again for each request.
 *
 * @throws Error that names what is missing.
 */
export function connectTo(config: ConnectionConfig, env: Environment): ApiConnection {
  switch (config.kind) {
    case 'in-cluster':
      return inCluster(env)
    case 'kubeconfig':
      return loadKubeconfig(config.path)
    case 'address': {
      const { url, authorization, tls } = config
      return { url, ...(authorization && { authorization }), ...(tls && { tls }) }
    }
  }
}

function inCluster(env: Environment): ApiConnection {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env
  if (!host || !port) {
    throw new Error(
      'not inside Kubernetes: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set. Outside a cluster, set api_server or kubeconfig_file',
    )
  }
  const ca = join(serviceAccountDir, 'ca.crt')
  return {
    url: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    authorization: {
      ...{ kind: 'header', type: 'Bearer' },
      credentials: { file: join(serviceAccountDir, 'token') },
    },
    tls: { isInsecure: false, ...(existsSync(ca) ? { ca: { file: ca } } : {}) },
  }
}

/**
 * Reads the namespace that the agent runs in.
 *
 * @throws the system's error outside a cluster.
 */
export function ownNamespace(): string {
  return readFileSync(join(serviceAccountDir, 'namespace'), 'utf8').trim()
}
