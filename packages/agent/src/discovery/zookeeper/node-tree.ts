// The nodes below some paths, kept up to date over one session. What changes is read again, with the watch that
// tells of its next change; what cannot be read is tried again after a while.

import { ascending } from '@skald/wire'
import { unreadableNodesNamedMax, zookeeperReadsMax } from '../../limits.ts'
import type { TargetGroup } from '../target-group.ts'
import type { ZookeeperSession } from './session.ts'

/** What is kept of the nodes at most, so that a path that is too far up does not fill the memory. */
export interface TreeLimits {
  readonly nodeCountMax: number
  /** Of the data of one node; ZooKeeper's own limit, unless it was told otherwise. */
  readonly nodeBytesMax: number
  /** Of all paths, and the data of all members. */
  readonly treeBytesMax: number
}

export interface NodeTreeOptions {
  readonly session: Pick<ZookeeperSession, 'getData' | 'getChildren' | 'exists' | 'isOpen'>
  /** Where the trees begin; may lie in one another. */
  readonly paths: readonly string[]
  /** Makes a group of a node's data; `undefined` where it is no member. */
  readonly readGroup: (path: string, data: Buffer) => TargetGroup | undefined
  /** Called when all was read for the first time, and then after changes. */
  readonly onChange: () => void
  readonly limits: TreeLimits
  /** What could not be read is read again so often. */
  readonly retryMs: number
}

interface TreeNode {
  readonly path: string
  /** Stays where it does not exist as well. */
  readonly isRoot: boolean
  readonly pathBytes: number
  /** Paths. */
  children: ReadonlySet<string>
  group: TargetGroup | undefined
  /** What the group was made of. */
  dataBytes: number
  /** Whether there was an answer: an error, or none such node, as well. */
  isAnswered: boolean
  /** Whether it was there since the session began. */
  wasSeen: boolean
  problems: readonly string[]
}

/** Follows the nodes. */
export class NodeTree {
  readonly #options: NodeTreeOptions
  readonly #nodes = new Map<string, TreeNode>()
  /** To be read, in this order. */
  readonly #wanted = new Set<TreeNode>()
  readonly #reading = new Set<TreeNode>()
  readonly #troubled = new Set<TreeNode>()
  #unansweredCount = 0
  #bytes = 0
  #hasChanged = true
  #timer: NodeJS.Timeout | undefined

  constructor(options: NodeTreeOptions) {
    this.#options = options
  }

  start(): void {
    const { paths, retryMs } = this.#options
    for (const path of paths) if (!this.#nodes.has(path)) this.#add(path, true)
    this.#timer = setInterval(() => {
      for (const node of this.#troubled) this.#want(node)
    }, retryMs)
  }

  /** Tells that the node at a path has changed. */
  noteChange(path: string): void {
    const node = this.#nodes.get(path)
    if (node) this.#want(node)
  }

  /** Groups of all members, by path. */
  groups(): Map<string, TargetGroup> {
    const groups = new Map<string, TargetGroup>()
    for (const { path, group } of this.#nodes.values()) if (group) groups.set(path, group)
    return groups
  }

  /** Paths of which is not known what is there now: of nodes that this session could not read so far. */
  unseenPaths(): Set<string> {
    const unseen = [...this.#troubled].filter(({ wasSeen }) => !wasSeen)
    return new Set(unseen.map(({ path }) => path))
  }

  /** Says what is not followed, and why. */
  get problem(): string | undefined {
    const all = [...this.#troubled].sort((a, b) => ascending(a.path, b.path))
    if (all.length === 0) return undefined
    const named = all
      .slice(0, unreadableNodesNamedMax)
      .map(({ path, problems }) => `${path}: ${problems.join(', ')}`)
    if (all.length > unreadableNodesNamedMax)
      named.push(`and ${all.length - unreadableNodesNamedMax} nodes more`)
    return named.join('; ')
  }

  /** Reads nothing any more. */
  stop(): void {
    clearInterval(this.#timer)
    this.#nodes.clear()
    this.#wanted.clear()
    this.#troubled.clear()
  }

  #add(path: string, isRoot: boolean): void {
    const node: TreeNode = {
      ...{ path, isRoot, pathBytes: Buffer.byteLength(path), children: new Set() },
      ...{ group: undefined, dataBytes: 0, isAnswered: false, wasSeen: false, problems: [] },
    }
    this.#nodes.set(path, node)
    this.#bytes += node.pathBytes
    this.#unansweredCount++
    this.#want(node)
  }

  /** Forgets a node and all below it; roots stay. */
  #remove(topPath: string): void {
    const paths = [topPath]
    for (const path of paths) {
      const node = this.#nodes.get(path)
      if (!node || node.isRoot) continue
      for (const child of node.children) paths.push(child)
      this.#takeGroup(node, undefined, 0)
      this.#nodes.delete(path)
      this.#wanted.delete(node)
      this.#troubled.delete(node)
      this.#bytes -= node.pathBytes
      this.#noteAnswer(node)
    }
  }

  #noteAnswer(node: TreeNode): void {
    if (!node.isAnswered) this.#unansweredCount--
    node.isAnswered = true
  }

  #want(node: TreeNode): void {
    this.#wanted.add(node)
    this.#pump()
  }

  #pump(): void {
    if (!this.#options.session.isOpen) return
    for (const node of this.#wanted) {
      if (this.#reading.size >= zookeeperReadsMax) return
      // Changed while it is being read: once more, when that is done.
      if (this.#reading.has(node)) continue
      this.#wanted.delete(node)
      this.#reading.add(node)
      void this.#read(node).then(() => this.#settle(node))
    }
  }

  #settle(node: TreeNode): void {
    this.#reading.delete(node)
    if (this.#nodes.get(node.path) === node) this.#noteAnswer(node)
    this.#pump()
    if (!this.#options.session.isOpen || !this.#hasChanged || this.#unansweredCount > 0) return
    this.#hasChanged = false
    this.#options.onChange()
  }

  async #read(node: TreeNode): Promise<void> {
    const { session } = this.#options
    const { path } = node
    const [data, names] = await Promise.allSettled([
      session.getData(path),
      session.getChildren(path),
    ])
    // With the session everything ends; a node may have gone meanwhile.
    if (!session.isOpen || this.#nodes.get(path) !== node) return
    const isGone = [data, names].some(it => it.status === 'fulfilled' && it.value === undefined)
    if (isGone) return this.#miss(node)
    const problems: (string | undefined)[] = []
    if (data.status === 'fulfilled') problems.push(this.#takeData(node, data.value!))
    else problems.push((data.reason as Error).message)
    if (names.status === 'fulfilled') problems.push(this.#takeChildren(node, names.value!))
    else problems.push((names.reason as Error).message)
    if (data.status === 'fulfilled' && names.status === 'fulfilled') node.wasSeen = true
    this.#takeProblems(node, problems)
  }

  /** A node that is not there: its parent tells when it comes back, a root is asked for. */
  async #miss(node: TreeNode): Promise<void> {
    if (!node.isRoot) return this.#remove(node.path)
    const { session } = this.#options
    this.#takeGroup(node, undefined, 0)
    this.#takeChildren(node, [])
    try {
      if (await session.exists(node.path)) this.#want(node)
      else this.#takeProblems(node, ['does not exist'])
    } catch (error) {
      this.#takeProblems(node, [(error as Error).message])
    }
  }

  /** Returns why it was not taken. */
  #takeData(node: TreeNode, data: Buffer): string | undefined {
    const { nodeBytesMax, treeBytesMax } = this.#options.limits
    const isTooLong = data.length > nodeBytesMax
    const group = isTooLong ? undefined : this.#options.readGroup(node.path, data)
    const isTooMuch = group && this.#bytes - node.dataBytes + data.length > treeBytesMax
    this.#takeGroup(node, isTooMuch ? undefined : group, data.length)
    if (isTooLong)
      return `its data has ${data.length} bytes, more than the limit of ${nodeBytesMax}`
    if (!isTooMuch) return undefined
    return `is left out: the members have more than the limit of ${treeBytesMax} bytes`
  }

  #takeGroup(node: TreeNode, group: TargetGroup | undefined, dataBytes: number): void {
    const bytes = group ? dataBytes : 0
    this.#bytes += bytes - node.dataBytes
    node.dataBytes = bytes
    if (node.group !== group) this.#hasChanged = true
    node.group = group
  }

  /** Returns why some were not taken. */
  #takeChildren(node: TreeNode, names: readonly string[]): string | undefined {
    const { nodeCountMax, treeBytesMax } = this.#options.limits
    const before = node.children
    const base = node.path === '/' ? '/' : `${node.path}/`
    const paths = new Set(names.toSorted().map(name => base + name))
    for (const path of before) if (!paths.has(path)) this.#remove(path)
    let leftOutCount = 0
    for (const path of paths) {
      if (this.#nodes.has(path)) continue
      const bytes = this.#bytes + Buffer.byteLength(path)
      const isFull = this.#nodes.size >= nodeCountMax || bytes > treeBytesMax
      if (isFull) {
        paths.delete(path)
        leftOutCount++
      } else this.#add(path, false)
    }
    node.children = paths
    if (leftOutCount === 0) return undefined
    const limits = `${nodeCountMax} nodes or ${treeBytesMax} bytes`
    return `${leftOutCount} of its children are left out: the limit of ${limits} is reached`
  }

  #takeProblems(node: TreeNode, found: readonly (string | undefined)[]): void {
    const problems = [...new Set(found.filter(problem => problem !== undefined))]
    if (this.#nodes.get(node.path) !== node) return
    // Whoever is told of changes looks at the problems as well.
    if (problems.join() !== node.problems.join()) this.#hasChanged = true
    node.problems = problems
    if (problems.length > 0) this.#troubled.add(node)
    else this.#troubled.delete(node)
  }
}
