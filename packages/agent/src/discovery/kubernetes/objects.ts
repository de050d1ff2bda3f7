// What of the API's objects discovery looks at. The server's JSON is taken as it is documented; only
// what is kept here stays in memory.

/** Metadata as the API gives it. */
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

/** Any object as the API gives it. */
export interface RawObject {
  readonly metadata?: RawMetadata
}

/** What is kept of the metadata of an object. */
export interface ObjectMeta {
  readonly name: string
  /** Empty for objects of no namespace. */
  readonly namespace: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly controller: { readonly kind: string; readonly name: string } | undefined
}

/** Reads metadata. */
export function readMeta({ metadata = {} }: RawObject): ObjectMeta {
  const { name = '', namespace = '', uid = '', labels = {}, annotations = {} } = metadata
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true)
  const controller = owner && { kind: owner.kind ?? '', name: owner.name ?? '' }
  return { name, namespace, uid, labels, annotations, controller }
}

/** Key of an object among those of its kind. */
export function metaKey({ namespace, name }: Pick<ObjectMeta, 'namespace' | 'name'>): string {
  return namespace === '' ? name : `${namespace}/${name}`
}
