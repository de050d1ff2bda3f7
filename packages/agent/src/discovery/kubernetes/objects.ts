// The parts of the API's objects that discovery uses. The server's JSON is trusted to match its
// documentation; only what is kept here stays in memory.

/** Metadata in the API's JSON. */
export interface RawMetadata {
  readonly name?: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly {
    readonly kind?: string
    readonly name?: string
    readonly controller?: boolean
  }[]
}

/** Any object in the API's JSON. */
export interface RawObject {
  readonly metadata?: RawMetadata
}

/** The parts of an object's metadata that discovery keeps. */
export interface ObjectMeta {
  readonly name: string
  /** Empty for objects without a namespace. */
  readonly namespace: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly controller: { readonly kind: string; readonly name: string } | undefined
}

/** Reads the metadata of an object. */
export function readMeta({ metadata = {} }: RawObject): ObjectMeta {
  const { name = '', namespace = '', uid = '', labels = {}, annotations = {} } = metadata
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true)
  const controller = owner && { kind: owner.kind ?? '', name: owner.name ?? '' }
  return { name, namespace, uid, labels, annotations, controller }
}

/** Returns the key of an object among those of its kind. */
export function metaKey({ namespace, name }: Pick<ObjectMeta, 'namespace' | 'name'>): string {
  return namespace === '' ? name : `${namespace}/${name}`
}
