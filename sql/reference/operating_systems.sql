-- The C library of the operating systems that Spack names, where one name means one release of it.
-- Grain: one row per os.
-- Reads: nothing; each fact names its source. libSystem comes with macOS and has its version.
-- sles15, opensuse-leap15 and the like are left out: their glibc differs from one service pack
-- to the next, and Spack's name does not tell which.
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
        ('ubuntu22.04', 'linux', 'glibc', '2.35', 'Ubuntu 22.04, package libc6'),
        ('ubuntu24.04', 'linux', 'glibc', '2.39', 'Ubuntu 24.04, package libc6'),
        ('ubuntu24.10', 'linux', 'glibc', '2.40', 'Ubuntu 24.10, package libc6'),
        ('ubuntu25.04', 'linux', 'glibc', '2.41', 'Ubuntu 25.04, package libc6'),
        ('ubuntu25.10', 'linux', 'glibc', '2.42', 'Ubuntu 25.10, package libc6'),
        ('debian9', 'linux', 'glibc', '2.24', 'Debian 9, package libc6'),
        ('debian10', 'linux', 'glibc', '2.28', 'Debian 10, package libc6'),
        ('debian11', 'linux', 'glibc', '2.31', 'Debian 11, package libc6'),
        ('debian12', 'linux', 'glibc', '2.36', 'Debian 12, package libc6'),
        ('debian13', 'linux', 'glibc', '2.41', 'Debian 13, package libc6'),
        ('centos6', 'linux', 'glibc', '2.12', 'CentOS 6, package glibc'),
        ('centos7', 'linux', 'glibc', '2.17', 'CentOS 7, package glibc'),
        ('centos8', 'linux', 'glibc', '2.28', 'CentOS 8, package glibc'),
        ('centos9', 'linux', 'glibc', '2.34', 'CentOS Stream 9, package glibc'),
        ('centos10', 'linux', 'glibc', '2.39', 'CentOS Stream 10, package glibc'),
        ('rhel6', 'linux', 'glibc', '2.12', 'Red Hat Enterprise Linux 6, package glibc'),
        ('rhel7', 'linux', 'glibc', '2.17', 'Red Hat Enterprise Linux 7, package glibc'),
        ('rhel8', 'linux', 'glibc', '2.28', 'Red Hat Enterprise Linux 8, package glibc'),
        ('rhel9', 'linux', 'glibc', '2.34', 'Red Hat Enterprise Linux 9, package glibc'),
        ('rhel10', 'linux', 'glibc', '2.39', 'Red Hat Enterprise Linux 10, package glibc'),
        ('rocky8', 'linux', 'glibc', '2.28', 'Rocky Linux 8, package glibc'),
        ('rocky9', 'linux', 'glibc', '2.34', 'Rocky Linux 9, package glibc'),
        ('rocky10', 'linux', 'glibc', '2.39', 'Rocky Linux 10, package glibc'),
        ('almalinux8', 'linux', 'glibc', '2.28', 'AlmaLinux 8, package glibc'),
        ('almalinux9', 'linux', 'glibc', '2.34', 'AlmaLinux 9, package glibc'),
        ('almalinux10', 'linux', 'glibc', '2.39', 'AlmaLinux 10, package glibc'),
        ('oracle8', 'linux', 'glibc', '2.28', 'Oracle Linux 8, package glibc'),
        ('oracle9', 'linux', 'glibc', '2.34', 'Oracle Linux 9, package glibc'),
        ('amzn2', 'linux', 'glibc', '2.26', 'Amazon Linux 2, package glibc'),
        ('amzn2023', 'linux', 'glibc', '2.34', 'Amazon Linux 2023, package glibc'),
        ('fedora38', 'linux', 'glibc', '2.37', 'Fedora 38, package glibc'),
        ('fedora39', 'linux', 'glibc', '2.38', 'Fedora 39, package glibc'),
        ('fedora40', 'linux', 'glibc', '2.39', 'Fedora 40, package glibc'),
        ('fedora41', 'linux', 'glibc', '2.40', 'Fedora 41, package glibc'),
        ('fedora42', 'linux', 'glibc', '2.41', 'Fedora 42, package glibc'),
        ('fedora43', 'linux', 'glibc', '2.42', 'Fedora 43, package glibc'),
        ('alpine3', 'linux', 'musl', null, 'Alpine Linux 3, package musl'),
        ('bigsur', 'darwin', 'libSystem', '11', 'macOS 11'),
        ('monterey', 'darwin', 'libSystem', '12', 'macOS 12'),
        ('ventura', 'darwin', 'libSystem', '13', 'macOS 13'),
        ('sonoma', 'darwin', 'libSystem', '14', 'macOS 14'),
        ('sequoia', 'darwin', 'libSystem', '15', 'macOS 15'),
        ('tahoe', 'darwin', 'libSystem', '26', 'macOS 26')
) as facts (os, platform, libc, libc_version, source);
