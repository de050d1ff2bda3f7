// Temporary positions for a run that must leave no trace (-dry-run, -stdin): a copy in a separate
// directory.

import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentConfig } from '../config/agent-config.ts'

/** A configuration with copied positions, and a function that removes the copy. */
export interface Scratch {
  readonly config: AgentConfig
  remove(): Promise<void>
}

/** Copies the positions of a configuration, if there are any. */
export async function createScratch(config: AgentConfig): Promise<Scratch> {
  const dir = await mkdtemp(join(tmpdir(), 'skald-agent-'))
  const filename = join(dir, 'positions.yaml')
  for (const suffix of ['', '.times']) {
    try {
      await copyFile(config.positions.filename + suffix, filename + suffix)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return {
    config: {
      ...config,
      positions: { ...config.positions, filename },
      // Batches buffered on disk must be neither printed nor deleted.
      wal: { ...config.wal, isEnabled: false },
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  }
}
