"""Pull requests where people have them: GitHub, GitLab and Gitea behind one protocol."""
