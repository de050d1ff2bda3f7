// Builds the file tree of an image without a container engine: runs COPY and RUN of the Dockerfile,
// each RUN in a separate root directory, with system libraries of this machine instead of the base
// image's, and the project's own Node. Needs root, unshare, mount and chroot.

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { cleanEnv, rootDir } from '../skald-process.ts'
import { environmentOf, type Stage } from './dockerfile.ts'

/** Returns why trees cannot be built here, or undefined if they can. */
export function obstacle(): string | undefined {
  if (process.platform !== 'linux') return 'this is no Linux'
  if (process.getuid?.() !== 0) return 'this is not root'
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'no mounts can be made here'
  }
}

/** Directories of this system that replace those of a base image. */
const systemDirs = ['bin', 'sbin', 'lib', 'lib64', 'usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64']

const minutesMs = 60_000

/** How a command sees a tree. */
export interface View {
  /** Path in the tree → directory of this machine. All except those in `writable` are read-only. */
  readonly mounts: Readonly<Record<string, string>>
  readonly writable: readonly string[]
  /** Whether the tree itself is read-only. */
  readonly isReadOnly: boolean
  readonly user: string
  readonly workdir: string
}

/**
 * Returns the command line that runs `command` in a tree. `spawn` gets the id of the command's own
 * process. Its mounts disappear with it.
 */
export function inTree(tree: string, view: View, command: readonly string[]): string[] {
  // The test runner's additions for Node do not exist in the tree.
  const steps = ['set -e', 'unset NODE_OPTIONS', `mount --bind ${quote(tree)} ${quote(tree)}`]
  for (const [at, from] of Object.entries(view.mounts)) {
    const target = quote(join(tree, at))
    steps.push(`mount --bind ${quote(from)} ${target}`)
    if (!view.writable.includes(at)) steps.push(`mount -o remount,bind,ro ${target}`)
  }
  if (view.isReadOnly) steps.push(`mount -o remount,bind,ro ${quote(tree)}`)
  const inside = `cd ${quote(view.workdir)} && exec ${command.map(quote).join(' ')}`
  // chroot changes the user last, so that the command can no longer mount.
  const shell = ['/bin/sh', '-c', inside]
  steps.push(
    `exec chroot --userspec=${view.user} --groups= ${quote(tree)} ${shell.map(quote).join(' ')}`,
  )
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', steps.join('\n')]
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/**
 * Returns the mounts that replace a base image: libraries and programs of this machine, devices,
 * processes.
 */
export function systemMounts(tree: string): Record<string, string> {
  const mounts: Record<string, string> = { dev: '/dev', proc: '/proc', etc: '/etc' }
  for (const dir of systemDirs) {
    const path = `/${dir}`
    if (!existsSync(path)) continue
    if (lstatSync(path).isSymbolicLink()) {
      mkdirSync(dirname(join(tree, dir)), { recursive: true })
      if (!existsSync(join(tree, dir))) symlinkSync(readlinkSync(path), join(tree, dir))
    } else mounts[dir] = path
  }
  for (const at of Object.keys(mounts)) mkdirSync(join(tree, at), { recursive: true })
  return mounts
}

/** Runs the instructions of the build stage, so that later stages can copy from the tree. */
export function buildStage(stage: Stage, tree: string): void {
  mkdirSync(join(tree, 'tmp'), { recursive: true })
  chmodSync(join(tree, 'tmp'), 0o1777)
  const mounts = { ...systemMounts(tree), ...installNode(tree) }
  let workdir = '/'
  const env = {
    ...cleanEnv(),
    ...environmentOf(stage),
    PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  }
  for (const { name, rest } of stage.instructions) {
    switch (name) {
      case 'WORKDIR':
        workdir = rest
        mkdirSync(join(tree, workdir), { recursive: true })
        break
      case 'ENV':
        break
      case 'COPY':
        copyFromProject(rest.split(/\s+/), join(tree, workdir))
        break
      case 'RUN': {
        const view: View = {
          mounts,
          writable: ['dev', homedir().slice(1)],
          isReadOnly: false,
          user: '0:0',
          workdir,
        }
        const [program = '', ...args] = inTree(tree, view, ['/bin/sh', '-c', rest])
        execFileSync(program, args, {
          env: { ...env, TMPDIR: '/tmp' },
          stdio: ['ignore', 'ignore', 'pipe'],
          timeout: 5 * minutesMs,
        })
        break
      }
      default:
        throw new Error(`The build stage has ${name}, which this test does not know`)
    }
  }
}

/**
 * Installs Node and npm at the paths of Node's images. npm keeps its cache and settings of this
 * machine.
 */
function installNode(tree: string): Record<string, string> {
  const bin = join(tree, 'usr/local/bin')
  const modules = join(tree, 'usr/local/lib/node_modules/npm')
  mkdirSync(bin, { recursive: true })
  mkdirSync(modules, { recursive: true })
  cpSync(realpathSync(join(rootDir, 'node_modules/node/bin/node')), join(bin, 'node'))
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(bin, 'npm'))
  const npm = realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim())
  const globals = execFileSync('npm', ['config', 'get', 'globalconfig'], { encoding: 'utf8' })
  mkdirSync(join(tree, 'usr/local/etc'), { recursive: true })
  if (existsSync(globals.trim())) cpSync(globals.trim(), join(tree, 'usr/local/etc/npmrc'))
  const home = homedir().slice(1)
  mkdirSync(join(tree, home), { recursive: true })
  return { 'usr/local/lib/node_modules/npm': dirname(dirname(npm)), [home]: homedir() }
}

/** Copies from the project: files that git tracks or would add, filtered by .dockerignore. */
function copyFromProject(words: readonly string[], workdir: string): void {
  const target = join(workdir, words.at(-1)!)
  for (const source of words.slice(0, -1)) {
    const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', source], {
      cwd: rootDir,
      encoding: 'utf8',
    })
    const files = listed.split('\n').filter(file => file !== '' && existsSync(join(rootDir, file)))
    if (files.length === 0) throw new Error(`COPY ${source}: there is no such file`)
    for (const file of files) {
      // The contents of a directory go into the target. A file keeps its name.
      const inside = file === source ? file.split('/').at(-1)! : file.slice(source.length + 1)
      const to = join(target, inside)
      mkdirSync(dirname(to), { recursive: true })
      cpSync(join(rootDir, file), to)
    }
  }
}

/** Copies what the last stage takes from the build stage. */
export function assembleStage(stage: Stage, buildTree: string, tree: string): void {
  mkdirSync(tree, { recursive: true })
  for (const { name, rest } of stage.instructions) {
    if (name !== 'COPY') continue
    const words = rest.split(/\s+/)
    const [from = '', to = ''] = words.filter(word => !word.startsWith('--'))
    const owner = words.find(word => word.startsWith('--chown='))?.slice('--chown='.length)
    if (!words.some(word => word.startsWith('--from='))) throw new Error(`COPY ${rest}: no --from`)
    cpSync(join(buildTree, from), join(tree, to), { recursive: true, verbatimSymlinks: true })
    const [uid, gid] = (owner ?? '0:0').split(':').map(Number)
    chownSync(join(tree, to), uid!, gid!)
  }
}

/** Creates the mount points of a pod, which a read-only tree must already contain. */
export function addMountPoints(tree: string, paths: readonly string[]): void {
  for (const path of paths) mkdirSync(join(tree, path), { recursive: true })
}

/** Returns the size of a tree in bytes on disk. */
export function treeBytes(path: string): number {
  const printed = execFileSync('du', ['-sk', path], { encoding: 'utf8' })
  return Number(printed.split('\t')[0]) * 1024
}
