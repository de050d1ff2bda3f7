// The windows above the page, one at a time.

import { useSignal } from '@preact/signals'
import { savedMax } from '../limits.ts'
import { useApp } from '../parts/app-context.ts'
import { Dialog } from '../parts/dialog.tsx'
import { IconButton } from '../parts/icon-button.tsx'
import { type KeyName, keyOf } from '../state/key-names.ts'
import { ExportDialog } from './export-dialog.tsx'
import { SignInDialog } from './sign-in-dialog.tsx'
import { WhyDialog } from './why-dialog.tsx'

/** The window that is open, if any. */
export function Dialogs() {
  const { dialog } = useApp()
  switch (dialog.value) {
    case 'keys':
      return <KeysDialog />
    case 'saved':
      return <SavedDialog />
    case 'export':
      return <ExportDialog />
    case 'tenant':
      return <TenantDialog />
    case 'sign-in':
      return <SignInDialog />
    case 'why':
      return <WhyDialog />
    case 'builder':
    case 'range':
    case '':
      return null
  }
}

function KeysDialog() {
  const app = useApp()
  const t = app.texts.value
  return (
    <Dialog title={t.keys} onClose={() => (app.dialog.value = '')} isWide>
      <dl class="keys">
        {(Object.entries(keyOf) as [KeyName, string][]).map(([name, key]) => (
          <div key={name}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{t.keyNames[name]}</dd>
          </div>
        ))}
      </dl>
      <p class="dim">{t.keysHint}</p>
    </Dialog>
  )
}

function SavedDialog() {
  const app = useApp()
  const t = app.texts.value.saved
  const { saved, history } = app.settings
  const name = useSignal('')
  const close = () => (app.dialog.value = '')
  const save = () => {
    const wanted = name.value.trim()
    if (wanted === '') return
    const others = saved.value.filter(other => other.name !== wanted)
    saved.value = [{ name: wanted, query: app.draft.value }, ...others].slice(0, savedMax)
    name.value = ''
  }
  const run = (query: string) => {
    close()
    app.ask(query)
  }
  return (
    <Dialog title={t.title} onClose={close} isWide>
      <form
        class="save-form"
        onSubmit={event => {
          event.preventDefault()
          save()
        }}
      >
        <label>
          {t.name}
          <input
            type="text"
            maxLength={200}
            value={name.value}
            onInput={event => (name.value = event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button primary">
          {t.save}
        </button>
        <code class="dim" dir="auto">
          {app.draft.value}
        </code>
      </form>
      <ul class="query-list">
        {saved.value.map(({ name: own, query }) => (
          <li key={own}>
            <button type="button" class="query-item" onClick={() => run(query)}>
              <b dir="auto">{own}</b>
              <code dir="auto">{query}</code>
            </button>
            <IconButton
              icon="close"
              label={`${t.remove}: ${own}`}
              onClick={() => (saved.value = saved.value.filter(other => other.name !== own))}
            />
          </li>
        ))}
        {saved.value.length === 0 && <li class="dim">{t.none}</li>}
      </ul>
      <h3>{t.history}</h3>
      <ul class="query-list">
        {history.value.map(query => (
          <li key={query}>
            <button type="button" class="query-item" onClick={() => run(query)}>
              <code dir="auto">{query}</code>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  )
}

function TenantDialog() {
  const app = useApp()
  const t = app.texts.value
  const name = useSignal(app.settings.tenant.value)
  return (
    <Dialog title={t.tenant} onClose={() => (app.dialog.value = '')}>
      <form
        class="save-form"
        onSubmit={event => {
          event.preventDefault()
          app.setTenant(name.value.trim())
        }}
      >
        <p>{t.tenantHint}</p>
        <label>
          {t.tenant}
          <input
            type="text"
            autocomplete="organization"
            list="own-tenants"
            value={name.value}
            onInput={event => (name.value = event.currentTarget.value)}
          />
        </label>
        <datalist id="own-tenants">
          {app.ownTenants.value.map(tenant => (
            <option key={tenant} value={tenant} />
          ))}
        </datalist>
        <button type="submit" class="button primary">
          {t.show}
        </button>
      </form>
    </Dialog>
  )
}
