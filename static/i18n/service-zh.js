// What the service says, in Chinese: its sentences as they stand in its sources, each `{}` with a number
// that stands for a part. What is not here is shown as the service says it.

export default {
    // Steps of jobs.
    "check the manifests and dependencies": "检查清单和依赖",
    "check the package": "检查安装包",
    "copy static/": "复制 static/",
    "download from {1}": "从 {1} 下载",
    "install {1}": "安装 {1}",
    "install {1}, which it needs": "安装它依赖的 {1}",
    "it is up to date already": "已是最新版本",
    "link `{1}`": "链接 {1}",
    "note which versions are offered": "记录可用的版本",
    "put everything back": "全部还原",
    "put the new files in place": "换上新文件",
    "read `{1}`": "读取 {1}",
    "remove the files": "删除文件",
    "see whether it goes on running": "观察它是否持续运行",
    "set {1}": "设置 {1}",
    "take `{1}`": "取用 {1}",
    "take its data and settings along": "带上它的数据和设置",
    "take its data out of the trash": "从回收站取回数据",
    "take its files out of the trash": "从回收站取回文件",
    "unpack `{1}`": "解压 {1}",
    "write `{1}`": "写入 {1}",

    // Starting and running.
    "`{1}` ended before it was ready: {2}{3}": "{1} 在就绪之前就退出了：{2}{3}",
    "`{1}` did not become ready within {2} s ({3}); it runs on as unhealthy: look at its log, or stop it":
        "{1} 在 {2} 秒内没有就绪（{3}）；它仍在运行，但状态异常：请查看日志，或停止它",
    "`{1}` did not go on running{2}": "{1} 没有持续运行{2}",
    "the start of `{1}` was given up because a stop was asked for": "因为要求停止，放弃了 {1} 的启动",
    "port {1} is held by {2} with pid {3}": "端口 {1} 被 {2}（pid {3}）占用",
    "port {1} is held by another program: {2} with pid {3}; stop it, or give this app another port":
        "端口 {1} 被其他程序占用：{2}（pid {3}）；请停止该程序，或为本应用换一个端口",
    "an answer from {1}": "等待 {1} 的应答",
    "killed by signal {1}": "被信号 {1} 结束",
    "ended with exit code {1}": "已退出，退出码 {1}",
    "was killed by signal {1}": "被信号 {1} 结束",
    "the program `{1}` {2}": "程序 {1} {2}",
    "{1}; it wrote nothing": "{1}；它没有输出",
    "{1}; its last output:\n{2}": "{1}；它最后的输出：\n{2}",
    "the program `{1}` did not end within {2} s and was ended; raise `timeout`, or set `kill` or `detach` when it is meant to run on":
        "程序 {1} 在 {2} 秒内没有结束，已被终止；请调大 timeout，若它本应继续运行，请设置 kill 或 detach",
    "`{1}` has no program to start; set `setting.binPath` in its store.json": "{1} 没有可启动的程序；请在它的 store.json 中设置 setting.binPath",
    "the apps start each other without end: {1}; remove one of the `startApp` steps": "这些应用会无休止地互相启动：{1}；请去掉其中一个 startApp 步骤",
    "there is nothing to go back to: no other settings of `{1}` are known to have worked": "没有可以退回的设置：不知道 {1} 还有哪些设置曾正常工作",
    "`{1}` was edited and stays as it is; what the new version would write is in `{2}`": "{1} 被修改过，保持原样；新版本要写的内容在 {2}",

    // Ports and settings.
    "`{1}` is port {2} already": "{1} 已经用了端口 {2}",
    "port {1} is held by the app `{2}`": "端口 {1} 被应用 {2} 占用",
    "port {1} is held by `{2}` (pid {3})": "端口 {1} 被 {2}（pid {3}）占用",
    "port {1} is wanted by `{2}` too": "应用 {2} 也要用端口 {1}",
    "port {1} is wanted by `{2}` and held by the app `{3}`": "应用 {2} 要用端口 {1}，但它被应用 {3} 占用",
    "port {1} is wanted by `{2}` and held by `{3}` (pid {4}), which is no app of this store":
        "应用 {2} 要用端口 {1}，但它被 {3}（pid {4}）占用，后者不是本商店的应用",
    "port {1} is wanted by {2}; only one of them can have it": "{2} 都要用端口 {1}，只有一个能得到",
    "no port is free on this computer; end a program that listens": "这台电脑上没有空闲端口；请结束一个正在监听的程序",
    "`{1}` is not a port; give a number from 1 to 65535": "{1} 不是端口；请填 1 到 65535 的数字",
    "the config value `{1}` holds a control character (a newline, for example); remove it": "设置 {1} 中有控制字符（例如换行），请去掉",
    "`{1}` is no proxy: {2}; give an address such as http://proxy:3128 or socks5://localhost:1080":
        "{1} 不是代理：{2}；请填写 http://proxy:3128 或 socks5://localhost:1080 这样的地址",
    "whether the service starts with the session cannot be changed: {1}": "无法更改是否随系统启动：{1}",

    // Jobs.
    "it was canceled": "已取消",
    "it was canceled before it began": "在开始之前被取消",
    "the {1} of `{2}` was canceled": "{2} 的任务（{1}）已取消",
    "the service ended under it{1}; run it again": "任务进行时服务结束了{1}；请再运行一次",
    "the service ends; try again when it is back": "服务正在结束；请等它恢复后再试",
    "{1} jobs of `{2}` wait already; try again later": "{2} 已有 {1} 个任务在等待；请稍后再试",
    "there is no job {1}": "没有任务 {1}",
    "a fault in Storekeeper itself ended it; its log tells more": "Storekeeper 自身的错误使它中断；详情见其日志",
    "version {1} is back as it was": "已恢复到版本 {1}",
    "not everything could be put back: {1}": "未能全部还原：{1}",
    "not everything could be taken back: {1}": "未能全部撤销：{1}",
    "`{1}` did not start again: {2}": "{1} 没有重新启动：{2}",
    "`{1}` was left behind: {2}": "{1} 留了下来：{2}",

    // Installing, upgrading, uninstalling.
    "`{1}` needs apps that are not there: {2}; install them first": "{1} 依赖的应用不在：{2}；请先安装它们",
    "`{1}` needs {2}, and {3} is there; upgrade `{4}` first": "{1} 需要 {2}，现有的是 {3}；请先升级 {4}",
    "`{1}` is needed by {2}; uninstall that first": "{2} 依赖 {1}；请先卸载前者",
    "the apps need each other in a circle: {1}; tell the catalog's keeper, or install one of them by hand":
        "这些应用循环依赖：{1}；请告知软件源的维护者，或手动安装其中一个",
    "there is an app `{1}` in `{2}` already; uninstall it first": "{2} 中已有应用 {1}；请先卸载它",
    "the app `{1}` that is there {2}, and this one comes from {3}: it may be another app of the same name; uninstall the old one, or ask for it to be replaced (--replace)":
        "现有的应用 {1} {2}，而这一个来自 {3}：它可能是同名的另一个应用；请卸载旧的，或要求替换（--replace）",
    "`{1}` {2} is there, and this is the older version {3}; ask for older versions to be taken (--older), or for the version before (`storekeeper rollback {4}`)":
        "已有 {1} {2}，而这是较旧的版本 {3}；请要求接受旧版本（--older），或退回上一版本（storekeeper rollback {4}）",
    "was installed from {1}": "是从 {1} 安装的",
    "was put into `{1}` by hand": "是手动放入 {1} 的",
    "`{1}` is pinned at {2}; let it go first (`storekeeper pin {3} --off`)": "{1} 固定在版本 {2}；请先取消固定（storekeeper pin {3} --off）",
    "`{1}` is not installed, so there is nothing to upgrade; install it": "{1} 没有安装，无从升级；请安装它",
    "no earlier version of `{1}` is kept; one is kept at every upgrade": "没有保留 {1} 的旧版本；每次升级会保留一个",
    "`{1}` is no app: it has no install.json, neither at its top nor in its one top folder; give the package of an app":
        "{1} 不是应用：顶层和唯一的顶层文件夹中都没有 install.json；请提供应用的安装包",
    "`{1}` is the app `{2}`, not `{3}`; install it by its own name": "{1} 是应用 {2}，不是 {3}；请用它自己的名字安装",
    "{1} is no package: it has no install.json at its top; add one": "{1} 不是安装包：顶层没有 install.json；请补上",
    "the install.json of {1} has a mistake: {2}; correct it and pack it again": "{1} 的 install.json 有错误：{2}；请改正后重新打包",
    "the package `{1}` is damaged or no package: {2}": "安装包 {1} 已损坏，或不是安装包：{2}",
    "the package `{1}` cannot be read: {2}": "无法读取安装包 {1}：{2}",
    "`{1}` cannot be installed: {2}": "无法安装 {1}：{2}",
    "`{1}` is not the file that was promised: its SHA-256 should be {2} and is {3}; nothing was installed":
        "{1} 不是应得的文件：SHA-256 应为 {2}，实为 {3}；没有安装任何东西",
    "nobody says where `{1}` can be fetched": "没有说明从哪里获取 {1}",
    "no catalog offers `{1}`; `storekeeper catalog list` shows the catalogs, `storekeeper catalog refresh` asks them anew":
        "没有软件源提供 {1}；请在“软件源”中查看并刷新",
    "`{1}` {2} is not offered; there are {3}": "没有提供 {1} {2}；有 {3}",
    "it is an OpenPitrix package, which needs a cluster runtime (OpenPitrix on a cloud); this computer has none":
        "这是 OpenPitrix 安装包，需要集群运行环境（云上的 OpenPitrix）；这台电脑没有",
    "it is a Helm chart, which needs a cluster runtime (Kubernetes); this computer has none": "这是 Helm chart，需要集群运行环境（Kubernetes）；这台电脑没有",
    "it is made for {1}, and this computer is {2}/{3}": "它是为 {1} 制作的，而这台电脑是 {2}/{3}",
    "`{1}` was edited and stays as it is; the new version's is beside it as `{2}`": "{1} 被修改过，保持原样；新版本的文件在旁边，名为 {2}",
    "its {1} ({2} MB) are kept in `{3}`: `storekeeper trash restore {4}` brings them back, `storekeeper trash empty {5}` deletes them":
        "它的 {1}（{2} MB）保留在 {3}：可在回收站中恢复或删除",
    "there is an app `{1}`; uninstall it first: its data go to the trash as well": "已有应用 {1}；请先卸载它：它的数据也会进回收站",
    "`{1}` has a mistake in {2}": "{1} 的 {2} 有错误",
    "there is no app `{1}`; `storekeeper ps` lists the apps there are": "没有应用 {1}",

    // Archives and disks.
    "the entry `{1}` of `{2}` {3}; the archive was not unpacked": "{2} 中的条目 {1} {3}；没有解压",
    "leads out of the folder by `..`": "用“..”指向文件夹之外",
    "is a link that leads out": "是指向文件夹之外的链接",
    "is cut off; download the archive again": "不完整；请重新下载",
    "the archive `{1}` is refused: {2}": "拒绝了压缩包 {1}：{2}",
    "`{1}` is not an archive that can be read: {2}": "{1} 不是可读的压缩包：{2}",
    "it is a page of the web": "它是一个网页",
    "it is empty; download it again": "它是空的；请重新下载",
    "the disk of `{1}` is full{2}; free some space and try again": "{1} 所在的磁盘已满{2}；请腾出空间后再试",
    ": {1} bytes are needed, {2} are free": "：需要 {1} 字节，剩余 {2} 字节",
    "`{1}` cannot be used: {2}": "无法使用 {1}：{2}",
    "`{1}` cannot be written: {2}": "无法写入 {1}：{2}",
    "`{1}` cannot be removed: {2}": "无法删除 {1}：{2}",

    // Downloads and catalogs.
    "`{1}` cannot be downloaded: {2}": "无法下载 {1}：{2}",
    "`{1}` cannot be downloaded: {2}; look at the network and try again": "无法下载 {1}：{2}；请检查网络后再试",
    "`{1}` cannot be downloaded: the server sent nothing for {2} s; try again later": "无法下载 {1}：服务器 {2} 秒没有发送任何内容；请稍后再试",
    "`{1}` cannot be downloaded: the server answers {2}{3}": "无法下载 {1}：服务器回答 {2}{3}",
    "`{1}` is not downloaded: {2}": "不下载 {1}：{2}",
    "; it wants a password or refuses you": "；它需要密码，或拒绝了您",
    "; the file is not there (any more)": "；文件不在（或已不在）那里",
    "; it is busy, try again later": "；它正忙，请稍后再试",
    "no connection to the server: {1}": "无法连接服务器：{1}",
    "the connection broke off: {1}": "连接中断：{1}",
    "the connection broke off after {1} of {2} bytes": "收到 {2} 字节中的 {1} 字节后连接中断",
    "the server sent an empty file": "服务器发来的是空文件",
    "the server sent a web page instead of a file; look at the address in a browser": "服务器发来的是网页而不是文件；请在浏览器中查看该地址",
    "the download was canceled": "下载已取消",
    "lies in a private network; only an address that you give yourself may lie there": "位于私有网络；只有您自己填写的地址才可以在那里",
    "is this computer; only an address that you give yourself may lie there": "是本机；只有您自己填写的地址才可以在本机",
    "`{1}` is no scheme to download by; give an http or https address": "不能用 {1} 下载；请填写 http 或 https 地址",
    "there is a catalog `{1}` already; remove it first, or choose another name": "已有软件源 {1}；请先移除它，或换一个名字",
    "`{1}` cannot be a catalog: {2}; give the http or https address of its folder, or a folder of this computer":
        "{1} 不能作为软件源：{2}；请填写其文件夹的 http 或 https 地址，或本机的文件夹",
    "`{1}` is not a list of apps: {2}": "{1} 不是应用列表：{2}",
    "it is neither an address nor an absolute path": "它既不是地址，也不是绝对路径",

    // Repositories and publishing.
    "there is a repository `{1}` already; choose another name, or remove it first": "已有仓库 {1}；请换一个名字，或先移除它",
    "`{1}` cannot be a repository: {2}": "{1} 不能作为仓库：{2}",
    "the repository at `{1}` cannot be read: {2}": "无法读取位于 {1} 的仓库：{2}",
    "the repository at `{1}` cannot be written: {2}": "无法写入位于 {1} 的仓库：{2}",
    "the repository `{1}` is read over http, which cannot write; publish to an S3 repository, a folder or `local`":
        "仓库 {1} 通过 http 读取，不能写入；请发布到 S3 仓库、文件夹或 local",
    "the repository `{1}` is being indexed already; wait for the end of that": "正在为仓库 {1} 建立索引；请等它结束",
    "there is no such bucket; make it first, or correct the address": "没有这个存储桶；请先创建，或更正地址",
    "the server does not know the access key id; look whether it is written right": "服务器不认识这个 Access Key ID；请检查是否写对",
    "the secret access key is not that of the access key id": "Secret Access Key 与 Access Key ID 不匹配",
    "the clocks of this computer and of the server differ too much; set the clock": "这台电脑与服务器的时钟相差太大；请校准时钟",
    "the access key may not do that": "这个访问密钥没有权限",
    "there is a version {1} of `{2}` already; a version's package never changes: give the package a new version":
        "{2} 已有版本 {1}；一个版本的安装包永不改变：请使用新的版本号",
    "a repository cannot be called `{1}`: a name has small letters, digits and `-`, begins with a letter and is at most {2} long":
        "仓库不能叫 {1}：名字由小写字母、数字和 - 组成，以字母开头，最长 {2} 个字符",
};
