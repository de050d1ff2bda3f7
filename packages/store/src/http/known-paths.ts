// The paths of the server and the methods they answer, so that other methods get 405 instead of 404, like Loki's. No
// routes: there would be more of them than of all others, and each start would enter them.

import type { FastifyInstance } from 'fastify'
import { pathParamCharsMax } from '../limits.ts'

/** A path that exists, and answers other methods than that of a request. */
export interface KnownPath {
  /** Its pattern, such as `/loki/api/v1/label/:name/values`. */
  readonly url: string
  readonly methods: ReadonlySet<string>
}

const refusableMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])

export class KnownPaths {
  readonly #methodsOf = new Map<string, Set<string>>()
  /** Paths with parameters. */
  readonly #patterns: { readonly url: string; readonly pattern: RegExp }[] = []

  /** Records every path that is added to the server from now on. */
  constructor(app: FastifyInstance) {
    app.addHook('onRoute', ({ url, method }) => {
      for (const name of [method].flat()) this.#add(url, name)
    })
  }

  #add(url: string, method: string): void {
    const methods = this.#methodsOf.get(url)
    if (methods) methods.add(method)
    else {
      this.#methodsOf.set(url, new Set([method]))
      if (/[:*]/.test(url)) this.#patterns.push({ url, pattern: patternOf(url) })
    }
  }

  /** Returns the path of a request that no route answers. */
  refusalOf(method: string, requestUrl: string): KnownPath | undefined {
    if (!refusableMethods.has(method)) return undefined
    const path = decodePath(requestUrl.split(/[?#]/, 1)[0]!)
    const url = this.#methodsOf.has(path)
      ? path
      : this.#patterns.find(({ pattern }) => pattern.test(path))?.url
    const methods = url === undefined ? undefined : this.#methodsOf.get(url)
    return url === undefined || methods === undefined ? undefined : { url, methods }
  }
}

/** Returns the paths of a pattern with parameters, as the router reads it. */
function patternOf(url: string): RegExp {
  const text = url
    .replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/:\w+/g, `[^/]{1,${pathParamCharsMax}}`)
    .replaceAll('*', '.*')
  return new RegExp(`^${text}$`)
}

function decodePath(path: string): string {
  try {
    return decodeURI(path)
  } catch {
    // The router has answered that it cannot be read.
    return path
  }
}
