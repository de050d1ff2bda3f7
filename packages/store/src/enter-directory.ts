// Opens the socket and locks the data directory, in this order if the directory is free.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type DirectoryLock, lockDirectory } from '@skald/wire/directory-lock'
import type { Logger } from 'pino'
import type { StoreConfig } from './config.ts'
import { type Listener, openListener } from './http/listener.ts'
import { upgradesBelow } from './http/tail-route.ts'
import { readCertificate } from './tls/certificate.ts'
import { refuseUnfinishedRestore } from './unfinished-restore.ts'

/**
 * Listens and locks the data directory. If a process of another host or container holds the lock,
 * waits for it: in a rolling update, that is the old process.
 * @throws UpkeepError when a restore into the directory is not finished; DirectoryLockedError; the system's error.
 */
export async function enterDirectory(config: StoreConfig, logger: Logger) {
  const { dataDir } = config
  const path = join(dataDir, 'lock')
  const what = `data directory ${dataDir}`
  const tls = config.tls && { config: config.tls, certificate: readCertificate(config.tls) }
  const listening: { listener?: Listener } = {}
  const listen = async () => {
    listening.listener ??= await openListener({
      host: config.listenAddress || '0.0.0.0',
      port: config.listenPort,
      headPauseMs: config.httpHeadTimeoutMs,
      idleMs: config.httpIdleTimeoutMs,
      connectionsMax: config.connectionsMax,
      mayUpgrade: upgradesBelow(config.httpPathPrefix),
      tls,
    })
    return listening.listener
  }
  let lock: DirectoryLock | undefined
  try {
    lock = await lockDirectory({
      ...{ path, what, role: 'store' },
      onUnsupported: error =>
        logger.warn({ err: error }, 'the data directory is not locked: run only one store on it'),
      onWait: async holder => {
        logger.warn(
          { directory: dataDir, holder },
          'waiting for the data directory: another process has it',
        )
        const listener = await listen()
        listener.status = `it is waiting for the ${what}, which another process is using`
      },
    })
    refuseUnfinishedRestore(dataDir, readdirSync(dataDir))
    return {
      lock: { close: () => lock!.release() },
      listener: await listen(),
      certificate: tls?.certificate,
    }
  } catch (error) {
    await lock?.release()
    await listening.listener?.close()
    throw error
  }
}
