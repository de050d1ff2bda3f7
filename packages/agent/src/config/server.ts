// server: the agent's own HTTP server.

import { defined, readBoolean, readText, type ValueReader } from '@skald/config-reading'
import { isGoUrl } from '../config-reading/go-url.ts'
import { type ListenerConfig, listenerFields, listenerOf } from '../config-reading/listener.ts'

export interface ServerConfig extends ListenerConfig {
  readonly isDisabled: boolean
  /** If false, /ready always answers 200. */
  readonly checksHealth: boolean
  readonly enablesReload: boolean
  /** Serves /debug/pprof and /debug/fgprof. */
  readonly enablesProfiling: boolean
}

/** Reads a URL or a path, as Go's `url.Parse` accepts it. */
const readReference: ValueReader<string> = cursor => {
  const text = readText(cursor)
  if (text === undefined || (URL.canParse(text, 'http://localhost') && isGoUrl(text))) return text
  return cursor.failAtKey(`${cursor.name} must be a URL, found ${cursor.describe()}`)
}

/** Reads the agent's own `server` block. */
export const readServer: ValueReader<Partial<ServerConfig>> = cursor => {
  const raw = cursor.record({
    ...listenerFields,
    disable: readBoolean,
    health_check_target: readBoolean,
    enable_runtime_reload: readBoolean,
    profiling_enabled: readBoolean,
    external_url: readReference,
  })
  return {
    ...listenerOf(raw),
    ...defined({
      isDisabled: raw.disable,
      checksHealth: raw.health_check_target,
      enablesReload: raw.enable_runtime_reload,
      enablesProfiling: raw.profiling_enabled,
    }),
  }
}
