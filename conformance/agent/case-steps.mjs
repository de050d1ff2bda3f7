// Does what a case asks for while the agent reads: writes, renames and deletes files, waits, restarts the agent.

import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { sleep, stopAgent } from './agent-process.mjs'
import { bytesOf } from './file-content.mjs'

/** Writes the files that are there before the agent starts. */
export function writeFiles(k) {
  for (const f of k.case.files ?? []) {
    const path = join(k.dir, f.path)
    mkdirSync(f.dir ? path : dirname(path), { recursive: true })
    if (f.dir) continue
    if (f.symlink !== undefined) symlinkSync(k.fill(f.symlink), path)
    else writeFileSync(path, bytesOf(f, k.fill))
  }
}

/** Steps of one case, in order. See README.md for their meaning. */
export async function runSteps(p, k, steps) {
  const at = name => join(k.dir, name)
  for (const s of steps) {
    if (p.abandoned) return
    if (s.wait !== undefined) await sleep(s.wait)
    else if (s.await !== undefined) {
      for (
        const end = Date.now() + p.options.awaitMs;
        k.raw.length < s.await && Date.now() < end && !p.abandoned;
      )
        await sleep(20)
      if (k.raw.length < s.await) k.notes.push(`waited for ${s.await} entries, got ${k.raw.length}`)
    } else if (s.append !== undefined) {
      mkdirSync(dirname(at(s.append)), { recursive: true })
      appendFileSync(at(s.append), bytesOf(s, k.fill))
    } else if (s.write !== undefined) {
      mkdirSync(dirname(at(s.write)), { recursive: true })
      writeFileSync(at(s.write), bytesOf(s, k.fill))
    } else if (s.rename !== undefined) renameSync(at(s.rename), at(s.to))
    else if (s.copy !== undefined) copyFileSync(at(s.copy), at(s.to))
    else if (s.truncate !== undefined) truncateSync(at(s.truncate), s.size ?? 0)
    else if (s.delete !== undefined) {
      if (s.recursive) rmSync(at(s.delete), { recursive: true })
      else unlinkSync(at(s.delete))
    } else if (s.mkdir !== undefined) mkdirSync(at(s.mkdir), { recursive: true })
    else if (s.symlink !== undefined) {
      const t = `${at(s.symlink)}.new-link`
      symlinkSync(k.fill(s.to), t)
      renameSync(t, at(s.symlink))
    } else if (s.respond !== undefined) p.respond = s.respond
    else if (s.refusals !== undefined) {
      for (
        const end = Date.now() + p.options.awaitMs;
        p.refusals < s.refusals && Date.now() < end;
      )
        await sleep(20)
    } else if (s.restart !== undefined) {
      p.restarting = true
      if (!(await stopAgent(p.process, s.restart))) k.notes.push(`did not stop on ${s.restart}`)
      await runSteps(p, k, s.down ?? [])
      appendFileSync(join(p.dir, 'sentinel', 's.log'), 'sentinel\n')
      p.sentinel = false
      p.start()
      p.restarting = false
      await p.isReading()
    } else throw new Error(`unknown step ${JSON.stringify(s)}`)
  }
}
