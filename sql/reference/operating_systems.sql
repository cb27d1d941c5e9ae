-- The C library of each operating system whose name in Spack means one release.
-- Grain: one row per os.
-- Reads: nothing; each fact names its source. libSystem comes with macOS and has its version.
-- sles15, opensuse-leap15 and the like are left out: their glibc differs between service packs,
-- which Spack's name does not tell apart; SUSE's version 16, since no source was found. Where a
-- package's release is named, it is as its package pages (Ubuntu, Fedora), errata
-- (RHSA-2026:20594) or guide had it in November 2026. Rebuilds of Red Hat's have its glibc.
create or replace view operating_systems as
select
    os,
    platform,
    libc,
    libc_version,
    source
from (
    values
        ('ubuntu14.04', 'linux', 'glibc', '2.19', 'Ubuntu 14.04, package libc6'),
        ('ubuntu16.04', 'linux', 'glibc', '2.23', 'Ubuntu 16.04, package libc6'),
        ('ubuntu18.04', 'linux', 'glibc', '2.27', 'Ubuntu 18.04, package libc6'),
        ('ubuntu20.04', 'linux', 'glibc', '2.31', 'Ubuntu 20.04, package libc6'),
        ('ubuntu22.04', 'linux', 'glibc', '2.35', 'Ubuntu 22.04 (jammy), libc6 2.35-0ubuntu3'),
        ('ubuntu24.04', 'linux', 'glibc', '2.39', 'Ubuntu 24.04, package libc6'),
        ('ubuntu24.10', 'linux', 'glibc', '2.40', 'Ubuntu 24.10 (oracular), libc6 2.40-1ubuntu3.1'),
        ('ubuntu25.04', 'linux', 'glibc', '2.41', 'Ubuntu 25.04 (plucky), libc6 2.41-6ubuntu1.2'),
        ('ubuntu25.10', 'linux', 'glibc', '2.42', 'Ubuntu 25.10 (questing), libc6 2.42-0ubuntu3.1'),
        ('ubuntu26.04', 'linux', 'glibc', '2.43', 'Ubuntu 26.04 (resolute), libc6 2.43-2ubuntu2.4'),
        ('debian9', 'linux', 'glibc', '2.24', 'Debian 9, package libc6'),
        ('debian10', 'linux', 'glibc', '2.28', 'Debian 10, package libc6'),
        ('debian11', 'linux', 'glibc', '2.31', 'Debian 11, package libc6'),
        ('debian12', 'linux', 'glibc', '2.36', 'Debian 12 (bookworm), libc6 2.36-9+deb12u14'),
        ('debian13', 'linux', 'glibc', '2.41', 'Debian 13, package libc6'),
        ('centos6', 'linux', 'glibc', '2.12', 'CentOS 6, package glibc'),
        ('centos7', 'linux', 'glibc', '2.17', 'CentOS 7, package glibc'),
        ('centos8', 'linux', 'glibc', '2.28', 'CentOS 8, package glibc'),
        ('centos9', 'linux', 'glibc', '2.34', 'CentOS Stream 9, package glibc'),
        ('centos10', 'linux', 'glibc', '2.39', 'CentOS Stream 10, from which RHEL 10 is made'),
        ('rhel6', 'linux', 'glibc', '2.12', 'Red Hat Enterprise Linux 6, package glibc'),
        ('rhel7', 'linux', 'glibc', '2.17', 'Red Hat Enterprise Linux 7, package glibc'),
        ('rhel8', 'linux', 'glibc', '2.28', 'Red Hat Enterprise Linux 8, package glibc'),
        ('rhel9', 'linux', 'glibc', '2.34', 'Red Hat Enterprise Linux 9, package glibc'),
        ('rhel10', 'linux', 'glibc', '2.39', 'Red Hat Enterprise Linux 10, glibc-2.39-124.el10_2'),
        ('rocky8', 'linux', 'glibc', '2.28', 'Rocky Linux 8, a rebuild of RHEL 8'),
        ('rocky9', 'linux', 'glibc', '2.34', 'Rocky Linux 9, a rebuild of RHEL 9'),
        ('rocky10', 'linux', 'glibc', '2.39', 'Rocky Linux 10, a rebuild of RHEL 10'),
        ('almalinux8', 'linux', 'glibc', '2.28', 'AlmaLinux 8, a rebuild of RHEL 8'),
        ('almalinux9', 'linux', 'glibc', '2.34', 'AlmaLinux 9, a rebuild of RHEL 9'),
        ('almalinux10', 'linux', 'glibc', '2.39', 'AlmaLinux 10, a rebuild of RHEL 10'),
        ('oracle8', 'linux', 'glibc', '2.28', 'Oracle Linux 8, a rebuild of RHEL 8'),
        ('oracle9', 'linux', 'glibc', '2.34', 'Oracle Linux 9, a rebuild of RHEL 9'),
        ('oracle10', 'linux', 'glibc', '2.39', 'Oracle Linux 10, a rebuild of RHEL 10'),
        ('amzn2', 'linux', 'glibc', '2.26', 'Amazon Linux 2, package glibc'),
        ('amzn2023', 'linux', 'glibc', '2.34', 'Amazon Linux 2023 User Guide, core packages'),
        ('fedora38', 'linux', 'glibc', '2.37', 'Fedora 38, package glibc'),
        ('fedora39', 'linux', 'glibc', '2.38', 'Fedora 39, package glibc'),
        ('fedora40', 'linux', 'glibc', '2.39', 'Fedora 40, package glibc'),
        ('fedora41', 'linux', 'glibc', '2.40', 'Fedora 41, glibc-2.40-3.fc41'),
        ('fedora42', 'linux', 'glibc', '2.41', 'Fedora 42, package glibc'),
        ('fedora43', 'linux', 'glibc', '2.42', 'Fedora 43, glibc-2.42-4.fc43'),
        ('fedora44', 'linux', 'glibc', '2.43', 'Fedora 44, glibc-2.43-1.fc44'),
        ('alpine3', 'linux', 'musl', null, 'Alpine Linux 3, package musl'),
        ('bigsur', 'darwin', 'libSystem', '11', 'macOS 11'),
        ('monterey', 'darwin', 'libSystem', '12', 'macOS 12'),
        ('ventura', 'darwin', 'libSystem', '13', 'macOS 13'),
        ('sonoma', 'darwin', 'libSystem', '14', 'macOS 14'),
        ('sequoia', 'darwin', 'libSystem', '15', 'macOS 15'),
        ('tahoe', 'darwin', 'libSystem', '26', 'macOS 26')
) as facts (os, platform, libc, libc_version, source);
