// Base of the sources that listen: their configuration, and their address.

import type { Source, SourceContext } from './source.ts'

/** A source that other programs send lines to. */
export abstract class ListeningSource<Config> implements Source {
  protected readonly config: Config
  protected readonly context: SourceContext
  /** Where it listens. Empty until it does. */
  protected boundTo = ''
  protected isStopped = false

  constructor(config: Config, context: SourceContext) {
    this.config = config
    this.context = context
  }

  get isReady(): boolean {
    return !this.isStopped
  }

  get place(): string {
    return this.boundTo
  }

  /** Starts listening. Rejects with the system's error. */
  abstract listen(): Promise<void>

  abstract stop(): Promise<void>
}
