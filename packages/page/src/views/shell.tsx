// The frame of the page: the bar at the top, the view below it, windows above, and the keys.

import { useEffect } from 'preact/hooks'
import { useApp } from '../parts/app-context.ts'
import { IconButton } from '../parts/icon-button.tsx'
import { type ViewName, viewNames } from '../state/address.ts'
import type { Theme } from '../state/settings.ts'
import { Dialogs } from './dialogs.tsx'
import { ExploreView } from './explore-view.tsx'
import { watchKeys } from './keys.ts'
import { LabelsView } from './labels-view.tsx'
import { PatternsView } from './patterns-view.tsx'
import { QueryBar } from './query-bar.tsx'
import { StatusView } from './status-view.tsx'

const views = {
  explore: ExploreView,
  patterns: PatternsView,
  labels: LabelsView,
  status: StatusView,
} as const

/** The whole page. */
export function Shell() {
  const app = useApp()
  const { address, texts, note } = app
  const { view } = address.value
  const View = views[view]
  useEffect(() => watchKeys(app, document), [])
  return (
    <div class="shell">
      <TopBar />
      {view !== 'status' && <QueryBar />}
      <main class={`view view-${view}`} aria-label={texts.value.views[view]}>
        <View />
      </main>
      <Dialogs />
      <div class="note" role="status" aria-live="polite">
        {note.value}
      </div>
    </div>
  )
}

const nextTheme: Readonly<Record<Theme, Theme>> = { system: 'dark', dark: 'light', light: 'system' }

function TopBar() {
  const app = useApp()
  const { texts, settings, dialog, userName } = app
  const t = texts.value
  const { theme, language, tenant } = settings
  return (
    <header class="top">
      <a class="brand" href="#/explore">
        <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
          <path d="M4 6h12M4 10h16M4 14h9M4 18h13" />
        </svg>
        Skald
      </a>
      <nav class="tabs" aria-label={t.navigation}>
        {viewNames.map(name => (
          <Tab key={name} name={name} />
        ))}
      </nav>
      <div class="top-end">
        {tenant.value !== '' && (
          <button type="button" class="button" onClick={() => (dialog.value = 'tenant')}>
            {t.tenant}: {tenant.value}
          </button>
        )}
        {userName.value !== '' && (
          <button type="button" class="button" onClick={() => void app.signOut()}>
            {t.signIn.signOut(userName.value)}
          </button>
        )}
        <button
          type="button"
          class="button"
          lang={language.value === 'en' ? 'ko' : 'en'}
          onClick={() => (language.value = language.value === 'en' ? 'ko' : 'en')}
        >
          {language.value === 'en' ? '한국어' : 'English'}
        </button>
        <IconButton
          icon="sun"
          label={`${t.theme}: ${t.themes[theme.value]}`}
          keyName="d"
          onClick={() => (theme.value = nextTheme[theme.value])}
        />
        <IconButton
          icon="help"
          label={t.keys}
          keyName="?"
          onClick={() => (dialog.value = 'keys')}
        />
      </div>
    </header>
  )
}

function Tab({ name }: { readonly name: ViewName }) {
  const app = useApp()
  const isCurrent = app.address.value.view === name
  return (
    <button
      type="button"
      class="tab"
      aria-current={isCurrent ? 'page' : undefined}
      onClick={() => app.go({ view: name })}
    >
      {app.texts.value.views[name]}
    </button>
  )
}
