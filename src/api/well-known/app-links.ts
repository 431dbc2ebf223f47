/** The paths of the links in mails, after APP_URL. */
export const linkPaths = [
  '/password/reset',
  '/email/verify',
  '/email/change',
  '/email/undo',
] as const

/** One statement of an asset links file: what an Android app may do for this host. */
export interface AssetLink {
  relation: string[]
  target: {
    namespace: 'android_app'
    package_name: string
    sha256_cert_fingerprints: string[]
  }
}

/** An `apple-app-site-association` file: what Apple apps may do for this host. */
export interface SiteAssociation {
  applinks: {
    details: Array<{ appIDs: string[]; components: Array<Record<'/' | '#', string>> }>
  }
  webcredentials: { apps: string[] }
}

/**
 * Returns the statements of an asset links file (Google Digital Asset Links): the apps may open
 * links of this host, and password managers may fill in passwords that were saved for it. The
 * manifest of the app says which links it opens.
 *
 * @param entries `<package name>=<SHA-256 fingerprint of a certificate>`. A package with
 *   several certificates has several entries
 */
export function assetLinksOf(entries: readonly string[]): AssetLink[] {
  const packages = new Map<string, Set<string>>()
  for (const entry of entries) {
    const [name = '', fingerprint = ''] = entry.split('=')
    packages.set(name, (packages.get(name) ?? new Set()).add(fingerprint))
  }
  return Array.from(packages, ([name, fingerprints]) => ({
    relation: [
      'delegate_permission/common.handle_all_urls',
      'delegate_permission/common.get_login_creds',
    ],
    target: {
      namespace: 'android_app',
      package_name: name,
      sha256_cert_fingerprints: [...fingerprints],
    },
  }))
}

/**
 * Returns an `apple-app-site-association` file: the apps may open the links of mails, and
 * password managers may fill in passwords that were saved for this host. A link without its
 * token opens in the browser, whose page says that the link is incomplete.
 *
 * @param appIds `<Team ID>.<bundle ID>`
 * @param prefix the path of APP_URL, without a slash at the end
 */
export function siteAssociationOf(appIds: readonly string[], prefix: string): SiteAssociation {
  const apps = [...new Set(appIds)]
  return {
    applinks: {
      details: [
        {
          appIDs: apps,
          components: linkPaths.map((path) => ({ '/': `${prefix}${path}`, '#': 'token=?*' })),
        },
      ],
    },
    webcredentials: { apps },
  }
}
